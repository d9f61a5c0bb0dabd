//! Test, tidy and release, in Rust instead of shell.

fn main() {}
