//! Tree to program.
