//! Player data that cannot be lost: the library.
