//! From a page's request to what the page shows.
//!
//! The protocol is that of Adobe's Web SDK: [`route`] and [`request`] read what comes, [`cookie`], [`identity_cookie`],
//! [`identity`] and [`ecid`] tell which visitor it is of, [`token`] who has logged in there, and [`reply`] and
//! [`problem`] write the answers. [`site`] holds what the catalogue says of datastreams, ready for use; [`visit`] decides
//! what a request changes and shows, [`target`] asks Adobe Target where it decides, and [`handler`] reads, writes and
//! answers.

mod json;
mod line;
mod secrets;

pub mod cookie;
pub mod ecid;
pub mod handler;
pub mod identity;
pub mod identity_cookie;
pub mod notification;
pub mod problem;
pub mod reply;
pub mod request;
pub mod route;
pub mod site;
pub mod target;
pub mod token;
pub mod visit;
