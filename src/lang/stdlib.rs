//! `std/…` files, embedded.
