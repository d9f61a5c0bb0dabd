//! What every implementation of the storage traits must do, as tests to run against it.
