//! The example's shop as its visitors' browsers see it: its pages, its sign-in and its edge, over TLS, on this machine only.
//!
//! The Web SDK insists on `https` on port 443, and on names: a browser is told that all names under `.test` are this
//! front's address (`--host-resolver-rules`), and takes its certificate unseen. By the name that is asked for, the front is
//!
//! | name | is |
//! |---|---|
//! | [`SITE`] | the shop: static files, `/config.js`, `/alloy.min.js`, and `POST /login` |
//! | any other, such as [`EDGE`] | what stands before the edge function: calls are handed on as they are |
//!
//! Tests start it in their process; the demo starts it as a process of its own (`shop`).

mod edge;
mod server;
mod sign_in;
mod site;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{io, thread};

use tokio::sync::oneshot;
use url::Url;

pub use sign_in::User;

/// Where the shop's pages are.
pub const SITE: &str = "www.shop.test";

/// The edge under a name of the shop's own domain.
pub const EDGE: &str = "edge.shop.test";

/// The edge under a name of another domain.
pub const FOREIGN_EDGE: &str = "edge.elsewhere.test";

/// What the front serves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the shop's pages.
    pub pages: PathBuf,
    /// Adobe's Web SDK, as one file.
    pub web_sdk: PathBuf,
    /// What pages are told of where they report to.
    pub datastream: Datastream,
    /// Where the edge function is reached.
    pub function: Function,
    /// The key by which the shop proves who has signed in.
    pub sign_in_key: String,
}

/// What the shop's pages configure the Web SDK with.
#[derive(Debug, Clone)]
pub struct Datastream {
    /// The organisation.
    pub organisation: String,
    /// The datastream's name.
    pub name: String,
    /// The name under which pages reach the edge.
    pub edge_domain: String,
}

impl Default for Datastream {
    fn default() -> Self {
        Self {
            organisation: "0A1B2C3D4E5F60718293A4B5@AdobeOrg".to_owned(),
            name: "shop_web".to_owned(),
            edge_domain: EDGE.to_owned(),
        }
    }
}

/// Where the edge function is reached, as what stands before it in production reaches it.
#[derive(Debug, Clone)]
pub struct Function {
    /// The address that is connected to.
    pub address: Url,
    /// The host that it is asked for, if not that of the address: an emulator tells functions apart by it.
    pub host: Option<String>,
    /// The secret header by which the function knows that it is not called past its front, as name and value.
    pub origin_header: Option<(String, String)>,
}

/// The running front. It ends when this is dropped.
#[derive(Debug)]
pub struct Shop {
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Shop {
    /// Starts it on that port; 0 takes a free one.
    pub fn start(port: u16, settings: Settings) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let tls = tls::acceptor(&[SITE, EDGE, FOREIGN_EDGE])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let front = Arc::new(server::Front::new(settings)?);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || runtime.block_on(server::serve(listener, tls, front, stopped)));
        Ok(Self { address, running: Some((stop, thread)) })
    }

    /// The port of the loopback interface to which a browser maps the names.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits until it ends by itself, which it does not.
    pub fn wait(mut self) {
        if let Some((_stop, thread)) = self.running.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.send(()).ok();
            thread.join().ok();
        }
    }
}
