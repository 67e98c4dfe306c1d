//! From the stream of profiles to marks, for latency only: whatever it misses the sweep of the next evaluation finds.

pub mod handler;
