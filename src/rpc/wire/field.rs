//! Where in a request something is wrong.

use std::{cell::RefCell, fmt};

/// A violation was noted: whoever made this request hears of it, together with all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) struct Noted(());

/// Something read from a request, or a violation noted.
pub(in crate::rpc) type Read<T> = Result<T, Noted>;

/// All violations of a request, as (path, what is wrong with it).
#[derive(Debug)]
struct Violations(RefCell<Vec<(String, String)>>);

/// A place in a request, for example `content.figures[2].value.decimal`. Spelt out only where
/// something is wrong.
#[derive(Clone, Copy)]
pub(in crate::rpc) struct At<'r> {
    above: Option<&'r At<'r>>,
    part: Part,
    violations: &'r Violations,
}

/// The last part of a path.
#[derive(Clone, Copy)]
enum Part {
    Root,
    Field(&'static str),
    Index(usize),
}

/// Reads a whole request.
///
/// # Errors
/// Every violation that `request` noted, in the order of the fields.
pub(in crate::rpc) fn read<T>(
    request: impl FnOnce(At<'_>) -> Read<T>,
) -> Result<T, Vec<(String, String)>> {
    let violations = Violations(RefCell::new(Vec::new()));
    let root = At { above: None, part: Part::Root, violations: &violations };
    let value = request(root);
    match (value, violations.0.into_inner()) {
        (Ok(value), noted) if noted.is_empty() => Ok(value),
        (Ok(_) | Err(Noted(())), noted) => Err(noted),
    }
}

impl At<'_> {
    /// A field of the message here.
    pub(in crate::rpc) const fn field(&self, name: &'static str) -> At<'_> {
        At { above: Some(self), part: Part::Field(name), violations: self.violations }
    }

    /// An item of the list here, from 0.
    pub(in crate::rpc) const fn index(&self, index: usize) -> At<'_> {
        At { above: Some(self), part: Part::Index(index), violations: self.violations }
    }

    /// Notes that something is wrong here: a clause that follows the path.
    pub(in crate::rpc) fn violated(&self, what: impl fmt::Display) -> Noted {
        self.violations.0.borrow_mut().push((self.to_string(), what.to_string()));
        Noted(())
    }

    /// Notes a violation below here, at a path that somebody else found.
    pub(in crate::rpc) fn violated_below(&self, path: &str, what: impl fmt::Display) -> Noted {
        let here = self.to_string();
        let separator = if here.is_empty() || path.is_empty() { "" } else { "." };
        let field = format!("{here}{separator}{path}");
        self.violations.0.borrow_mut().push((field, what.to_string()));
        Noted(())
    }

    /// What must be there.
    pub(super) fn required<T>(&self, given: Option<T>) -> Read<T> {
        given.ok_or_else(|| self.violated("is required"))
    }

    /// Every item of a list: all are read, even if one is wrong.
    pub(in crate::rpc) fn each<'g, G, T>(
        &self,
        given: &'g [G],
        mut one: impl FnMut(&At<'_>, &'g G) -> Read<T>,
    ) -> Read<Vec<T>> {
        let items = given.iter().enumerate().map(|(index, item)| one(&self.index(index), item));
        let all: Vec<Read<T>> = items.collect();
        all.into_iter().collect()
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(above) = self.above else { return Ok(()) };
        fmt::Display::fmt(above, f)?;
        match (self.part, above.part) {
            (Part::Root, _) => Ok(()),
            (Part::Field(name), Part::Root) => f.write_str(name),
            (Part::Field(name), Part::Field(_) | Part::Index(_)) => write!(f, ".{name}"),
            (Part::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}
