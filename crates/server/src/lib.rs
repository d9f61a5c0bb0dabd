//! The data server: Open Cloud and administration over HTTP.
