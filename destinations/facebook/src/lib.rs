#![doc = include_str!("../README.md")]

mod config;
mod destination;
mod encode;
mod normalise;
mod places;
mod request;
mod response;

pub use destination::{DESCRIPTOR, PLUGIN};
