//! The storage traits, the memory backend and the conformance suites.
