//! From stored profiles to memberships and marks.
//!
//! A start opens a [`run`] in the ledger and hands its slices out. A [`slice`] is one segment of a parallel scan: each
//! of its profiles is held against all [`audiences`] in one pass, memberships that changed are written, and delivery
//! states that lag are marked. Its checkpoint moves with every page, so that it can be taken up again anywhere.

pub mod handler;
pub mod limits;
mod removal;
pub mod run;
pub mod slice;
