//! Tests of the package through its public verbs; one binary.

mod bench;
mod remembering;
mod sources;
