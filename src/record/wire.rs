//! Protobuf's wire format, just enough to look into a record without decoding it: what a newer
//! ledger wrote has fields that no generated type knows.

/// The value of a field, by its wire type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number, in one to ten bytes.
    Varint(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// Eight or four bytes; a record has none, a newer one may.
    Fixed,
}

/// The fields of one message, in the order of its bytes. Malformed bytes end it with an error.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoMessage;

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0)?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            // Groups, which proto3 does not have, and two types that never were.
            _ => return None,
        };
        Some((number, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        // Nearly all are one byte long.
        if byte < 0x80 { Some(byte.into()) } else { self.longer_varint(byte) }
    }

    fn longer_varint(&mut self, first: u8) -> Option<u64> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            // Nine bytes took 63 bits.
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), NoMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(NoMessage))
    }
}

/// The number of the first field for which `wanted` holds.
pub(super) fn first_field(message: &[u8], wanted: impl Fn(u32) -> bool) -> Option<u32> {
    Fields::of(message).flatten().map(|(number, _)| number).find(|number| wanted(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_field_by_field() {
        let message = [
            &[0x08, 0x96, 0x01][..],         // 1: 150
            &[0x12, 0x02, b'h', b'i'],       // 2: "hi"
            &[0x1d, 1, 2, 3, 4],             // 3: four bytes
            &[0x21, 1, 2, 3, 4, 5, 6, 7, 8], // 4: eight bytes
            &[0xc2, 0x3e, 0x00],             // 1000: empty
        ]
        .concat();
        let fields: Result<Vec<_>, _> = Fields::of(&message).collect();
        let expected = vec![
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed),
            (4, Value::Fixed),
            (1000, Value::Bytes(b"")),
        ];
        assert_eq!(fields, Ok(expected));
        assert_eq!(first_field(&message, |number| number > 3), Some(4));
    }

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        for bad in [
            &[0x08][..],         // no value
            &[0x12, 0x05, b'h'], // too short
            &[0x00, 0x00],       // field 0
            &[0x0b],             // a group
            &[0xff; 11],         // a number without an end
        ] {
            assert_eq!(Fields::of(bad).last(), Some(Err(NoMessage)), "{bad:?}");
        }
    }
}
