#![doc = include_str!("../README.md")]

mod config;
mod destination;
mod encode;
mod file;

pub use destination::{DESCRIPTOR, PLUGIN};
