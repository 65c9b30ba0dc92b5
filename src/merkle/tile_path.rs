//! Where tiles and entry bundles are served. (C2SP tlog-tiles "APIs")

use std::{fmt, str::FromStr};

use super::{decimal::parse_decimal, entry_bundle::EntryBundle, tile::Tile};

/// What lies below `tile/` under a log's prefix, and the path that leads there.
///
/// # Examples
/// ```
/// use judgement_ledger::merkle::{Tile, TilePath};
///
/// let path = TilePath::Hashes(Tile::new(0, 1_234_067, 112).unwrap());
/// assert_eq!(path.to_string(), "tile/0/x001/x234/067.p/112");
/// assert_eq!("tile/0/x001/x234/067.p/112".parse(), Ok(path));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TilePath {
    /// `tile/<L>/<N>[.p/<W>]`: hashes.
    Hashes(Tile),
    /// `tile/entries/<N>[.p/<W>]`: entries.
    Entries(EntryBundle),
}

impl TilePath {
    /// Reads a path without the log's prefix, as [`TilePath`] displays it and no other way: no
    /// leading zeros, no full tile with a width, no group of digits that is not needed.
    ///
    /// # Errors
    /// [`TilePathError`] for any other text.
    pub fn parse(path: &str) -> Result<Self, TilePathError> {
        let rest = path.strip_prefix("tile/").ok_or(TilePathError)?;
        let (level, rest) = rest.split_once('/').ok_or(TilePathError)?;
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, u64::from(Tile::FULL)),
            Some((index, width)) => (index, parse_decimal(width).ok_or(TilePathError)?),
        };
        let index = parse_index(index).ok_or(TilePathError)?;
        let width = u16::try_from(width).map_err(|_| TilePathError)?;
        let parsed = if level == "entries" {
            Self::Entries(EntryBundle::new(index, width).ok_or(TilePathError)?)
        } else {
            let level = parse_decimal(level).and_then(|level| u8::try_from(level).ok());
            let tile = level.and_then(|level| Tile::new(level, index, width));
            Self::Hashes(tile.ok_or(TilePathError)?)
        };
        // There is one way to write each path: `.p/256` and `x000/…` end here.
        if parsed.to_string() == path { Ok(parsed) } else { Err(TilePathError) }
    }
}

/// The number of three-digit groups, all but the last of which begin with an `x`.
fn parse_index(groups: &str) -> Option<u64> {
    let (marked, last) = groups.rsplit_once('/').unwrap_or(("", groups));
    let marked = marked.split('/').filter(|_| !marked.is_empty());
    let mut index = 0_u64;
    for group in marked.map(|group| group.strip_prefix('x')).chain([Some(last)]) {
        let digits = group.filter(|it| it.len() == 3 && it.bytes().all(|b| b.is_ascii_digit()))?;
        index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        Self::parse(path)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Hashes(tile) => {
                write!(f, "tile/{}/", tile.level())?;
                (tile.index(), tile.width())
            }
            Self::Entries(bundle) => {
                f.write_str("tile/entries/")?;
                (bundle.index(), bundle.width())
            }
        };
        let mut groups = vec![index % 1_000];
        let mut rest = index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        let (last, marked) = groups.split_first().ok_or(fmt::Error)?;
        marked.iter().rev().try_for_each(|group| write!(f, "x{group:03}/"))?;
        write!(f, "{last:03}")?;
        if width == Tile::FULL { Ok(()) } else { write!(f, ".p/{width}") }
    }
}

/// A text that leads to no tile and no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the path of a tile")]
pub struct TilePathError;

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(level: u8, index: u64, width: u16) -> TilePath {
        TilePath::Hashes(Tile::new(level, index, width).unwrap())
    }

    fn entries(index: u64, width: u16) -> TilePath {
        TilePath::Entries(EntryBundle::new(index, width).unwrap())
    }

    #[test]
    fn a_path_is_written_as_the_specification_says() {
        for (path, written) in [
            (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
            (hashes(0, 1_234_067, 112), "tile/0/x001/x234/067.p/112"),
            (hashes(2, 0, 1), "tile/2/000.p/1"),
            (hashes(1, 999, 255), "tile/1/999.p/255"),
            (hashes(1, 1_000, 256), "tile/1/x001/000"),
            (hashes(0, 1_000_000, 256), "tile/0/x001/x000/000"),
            (entries(273, 112), "tile/entries/273.p/112"),
            (entries(1_234_067, 256), "tile/entries/x001/x234/067"),
            (entries((1 << 56) - 1, 255), "tile/entries/x072/x057/x594/x037/x927/935.p/255"),
        ] {
            assert_eq!(path.to_string(), written);
            assert_eq!(TilePath::parse(written), Ok(path));
        }
    }

    #[test]
    fn a_path_written_another_way_is_none() {
        for path in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "/tile/0/000",
            "tile/00/000",
            "tile/01/000",
            "tile/+1/000",
            "tile/-1/000",
            "tile/64/000",
            "tile/8/000",
            "tile/256/000",
            "tile/x/000",
            "tile//000",
            "tile/data/000",
            "tile/entries",
            "tile/entries/",
            "tile/Entries/000",
            "tile/0/x000/000",
            "tile/0/x000/x001/000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x001",
            "tile/0/X001/000",
            "tile/0/xx01/000",
            "tile/0/x001//000",
            "tile/0//x001/000",
            "tile/0/x001/000/",
            "tile/0/x01/000",
            "tile/0/x0001/000",
            "tile/0/+01",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/00",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/65537",
            "tile/0/000.p/+1",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/000.q/1",
            "tile/0/000/1",
            "tile/0/000 ",
            "tile/0/000\n",
            "tile/0/٠٠٠",
            "tile/7/000",
            "tile/8/0/000",
            "../tile/0/000",
            "tile/0/../000",
            "tile/entries/x072/x057/x594/x037/x927/936",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(TilePath::parse(path), Err(TilePathError), "{path:?}");
        }
    }
}
