//! Wire types, paths and error bodies of the Open Cloud HTTP API.
