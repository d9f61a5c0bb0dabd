//! The embedded backend, one directory.
