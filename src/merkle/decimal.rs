//! Numbers as all these formats write them.

/// Reads an "ASCII decimal with no leading zeroes": there is one way to write a number, and no
/// sign. (C2SP tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-tiles, tlog-witness)
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_a_number() {
        for number in [0, 1, 10, 20_852_163, u64::MAX] {
            assert_eq!(parse_decimal(&number.to_string()), Some(number));
        }
        for odd in
            ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "0x1", "١", "18446744073709551616"]
        {
            assert_eq!(parse_decimal(odd), None, "{odd:?}");
        }
    }
}
