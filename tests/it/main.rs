//! The one program of tests from outside.
