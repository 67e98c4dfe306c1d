#![doc = include_str!("../README.md")]

mod config;
mod destination;
mod encode;
mod parameter;
mod request;
mod response;

pub use destination::{DESCRIPTOR, PLUGIN};
