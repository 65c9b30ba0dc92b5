//! The shell around the rules: what passes time, orders writes and answers.

pub mod clock;
