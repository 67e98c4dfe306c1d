//! `cargo lambda watch`: functions under a runtime of their own, on the store of a deployment.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Deployed, eventually};

/// How long it may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// The running `cargo lambda watch`. It ends when this is dropped, and its functions with it.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    port: String,
}

impl Deployed {
    /// Starts `cargo lambda watch` in the checkout. It builds a function when it is invoked first.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn watch(&self) -> Watch {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a port is free").port().to_string();
        let mut watch = cargo_lambda("watch", &port);
        watch.arg("--ignore-changes").envs(self.environment());
        let child = watch.stdin(Stdio::null()).spawn().expect("`cargo lambda` is in PATH");
        let watch = Watch { child, port };
        eventually("`cargo lambda watch` listens", LISTENS_WITHIN, async || {
            std::net::TcpStream::connect(format!("127.0.0.1:{}", watch.port)).ok()
        })
        .await;
        watch
    }
}

impl Watch {
    /// What a function answers to an event in a file.
    ///
    /// # Panics
    /// Where it cannot be invoked, or fails.
    pub fn invoke(&self, function: &str, event: &Path) -> Value {
        let mut invoke = cargo_lambda("invoke", &self.port);
        invoke.args([function, "--data-file"]).arg(event);
        let output = invoke.output().expect("`cargo lambda` is in PATH");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{function} failed on {}: {errors}", event.display());
        serde_json::from_slice(&output.stdout).expect("the function answers JSON")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // In good order, so that it ends its functions too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn cargo_lambda(verb: &str, port: &str) -> Command {
    let mut command = Command::new("cargo-lambda");
    command.args(["lambda", verb, "--invoke-address", "127.0.0.1", "--invoke-port", port]);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command
}
