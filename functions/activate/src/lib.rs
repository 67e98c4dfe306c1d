//! From a marked delivery state to a vendor, and back to what became of it.
//!
//! A wake-up names a dataflow. One worker drains the dataflow's marks in rounds ([`worker`]): it reads each profile,
//! asks the domain for the next step, and makes the calls that the steps come to, each within a written intent and a
//! written outcome ([`call`]), in parts where the vendor refuses some records ([`parts`]). What the vendor
//! accepts and works off later is asked for until it is done ([`look`]).

pub mod call;
pub mod exports;
pub mod handler;
pub mod look;
pub mod parts;
pub mod worker;
