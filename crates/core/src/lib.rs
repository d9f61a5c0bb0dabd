//! Every rule and decision of Steadfast, without I/O.
