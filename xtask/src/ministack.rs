//! MiniStack: AWS in one process, which runs the real Lambda binaries behind their real triggers.

use std::time::Duration;

use anyhow::Result;

use crate::emulator::{Emulator, credentials};
use crate::process::{Server, free_port};
use crate::progress;
use crate::venv::Venv;
use crate::{http, workspace};

/// Starts MiniStack on a free port of the loopback interface.
pub fn start() -> Result<Emulator> {
    let venv = Venv::tools()?;
    progress::step("starting MiniStack", || {
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut command = venv.command("ministack");
        command
            .current_dir(workspace::root())
            .env_remove("AWS_PROFILE")
            .envs(credentials())
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            // Functions inherit MiniStack's environment: this is how they find it.
            .env("AWS_ENDPOINT_URL", &endpoint)
            // Or it would listen for IoT on all interfaces.
            .env("IOT_MTLS_ENABLED", "0");
        let mut server = Server::spawn("ministack", &mut command)?;
        let health =
            server.wait_for(Duration::from_secs(60), || http::get_json(port, "/_ministack/health"))?;
        Ok(Emulator::new("MiniStack", &health, endpoint, server))
    })
}
