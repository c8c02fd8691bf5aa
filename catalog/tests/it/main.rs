//! The tests of the package, as one binary.
