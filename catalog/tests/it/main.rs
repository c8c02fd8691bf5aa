//! The tests of the package, as one binary: what metastores and stores promise, each on every kind there is.

#[cfg(test)]
mod metastores;
#[cfg(test)]
mod stores;
