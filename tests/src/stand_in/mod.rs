//! What stand-ins for vendors share: a server on this machine, faults that are due, the calls that were answered, and a
//! door for those in other processes. What a vendor says is its own: a stand-in is a [`Vendor`], in a module of its
//! name.
//!
//! Tests start a [`StandIn`] in their process and look into it; a demo starts one as a process of its own and looks
//! through `/_control`:
//!
//! | call | does |
//! |---|---|
//! | `GET /_control` | the vendor's overview, the calls that were answered, and the faults that are due |
//! | `POST /_control/faults` | adds a fault, as JSON, to the coming calls |
//! | `DELETE /_control/faults` | takes faults that are left away |
//! | what is below it else | the vendor's own ([`Vendor::control`]) |

mod server;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use server::Server;
pub use server::{Answer, Call, Reply};

/// A vendor, as its stand-in plays it.
pub trait Vendor: Send + Sized + 'static {
    /// Whose account it is, and how it is guarded.
    type Settings;

    /// What can go wrong with a coming call. Each is used up by one call.
    type Fault: Serialize + DeserializeOwned + Send;

    /// The vendor, with nothing in it.
    fn open(settings: Self::Settings) -> Self;

    /// Whether a fault is about such a call; others are let through before it.
    fn is_about(fault: &Self::Fault, call: &Call) -> bool;

    /// Answers a call, with the fault that it meets.
    fn answer(&mut self, call: &Call, fault: Option<&Self::Fault>) -> Answer;

    /// How the answer to a call that met a fault reaches the caller.
    fn reply(call: &Call, fault: &Self::Fault, answer: Answer) -> Reply;

    /// What it holds, for a look from another process.
    fn overview(&mut self) -> Map<String, Value>;

    /// Answers a call of the door's that only this vendor has, by what stands behind `/_control`.
    fn control(&mut self, _call: &Call, _path: &[&str]) -> Option<Answer> {
        None
    }
}

/// A call that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The rows that it carried, where the vendor counts them.
    pub rows: usize,
    /// The status it was given.
    pub status: u16,
}

/// A running stand-in. It ends when this is dropped.
pub struct StandIn<V: Vendor> {
    server: Server,
    desk: Arc<Mutex<Desk<V>>>,
}

impl<V: Vendor> StandIn<V> {
    /// Starts it on a free port.
    pub fn start(settings: V::Settings) -> io::Result<Self> {
        Self::start_on(0, settings)
    }

    /// Starts it on that port.
    pub fn start_on(port: u16, settings: V::Settings) -> io::Result<Self> {
        let desk = Desk { vendor: V::open(settings), faults: VecDeque::new(), seen: Vec::new() };
        let desk = Arc::new(Mutex::new(desk));
        let shared = desk.clone();
        let server = Server::start(port, move |call| {
            shared.lock().unwrap_or_else(PoisonError::into_inner).reply(call)
        })?;
        Ok(Self { server, desk })
    }

    /// What stands before the vendor's paths in its URLs.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// The calls that it answered, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.at_desk(|desk| desk.seen.clone())
    }

    /// Adds a fault to the coming calls.
    pub fn inject(&self, fault: V::Fault) {
        self.at_desk(|desk| desk.faults.push_back(fault));
    }

    /// Looks at the vendor, or upsets it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut V) -> T) -> T {
        self.at_desk(|desk| look(&mut desk.vendor))
    }

    /// Waits until it ends by itself, which it does not.
    pub fn wait(self) {
        self.server.wait();
    }

    fn at_desk<T>(&self, look: impl FnOnce(&mut Desk<V>) -> T) -> T {
        look(&mut self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What stands between the server and the vendor.
struct Desk<V: Vendor> {
    vendor: V,
    faults: VecDeque<V::Fault>,
    seen: Vec<Seen>,
}

impl<V: Vendor> Desk<V> {
    fn reply(&mut self, call: &Call) -> Reply {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        if let ["_control", path @ ..] = path.as_slice() {
            return Reply::Now(self.control(call, path));
        }
        let fault = self.faults.pop_front_if(|fault| V::is_about(fault, call));
        let answer = self.vendor.answer(call, fault.as_ref());
        self.seen.push(Seen {
            method: call.method.to_string(),
            path: format!("/{}", path.join("/")),
            rows: answer.rows,
            status: answer.status,
        });
        match fault {
            Some(fault) => V::reply(call, &fault, answer),
            None => Reply::Now(answer),
        }
    }

    fn control(&mut self, call: &Call, path: &[&str]) -> Answer {
        match (&call.method, path) {
            (&Method::GET, []) => {
                let mut overview = self.vendor.overview();
                overview.extend([
                    ("seen".to_owned(), json!(self.seen)),
                    ("faults".to_owned(), json!(self.faults)),
                ]);
                Answer::ok(&overview.into())
            }
            (&Method::POST, ["faults"]) => match serde_json::from_slice(&call.body) {
                Ok(fault) => {
                    self.faults.push_back(fault);
                    Answer::ok(&json!({"faults": self.faults}))
                }
                Err(error) => Answer::refused(400, &error.to_string()),
            },
            (&Method::DELETE, ["faults"]) => {
                self.faults.clear();
                Answer::ok(&json!({"faults": []}))
            }
            (_, path) => {
                let own = self.vendor.control(call, path);
                own.unwrap_or_else(|| Answer::refused(404, "there is no such control"))
            }
        }
    }
}
