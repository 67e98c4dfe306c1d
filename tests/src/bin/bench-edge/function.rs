//! The function: a process with Lambda's environment.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws::Deployment;
use tempfile::NamedTempFile;

use crate::Result;

/// In how many parts of a second Linux tells programs what time processes took, on every machine that Lambda has.
const TICKS: f64 = 100.0;

/// A running function, which ends with this value.
pub struct Function {
    child: Child,
    log: NamedTempFile,
}

impl Function {
    /// Starts it on a deployment.
    pub fn start(binary: &Path, lambda: &str, storage: &str, deployment: &Deployment) -> Result<Function> {
        let log = NamedTempFile::new()?;
        let child = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", lambda)
            .env("AWS_LAMBDA_FUNCTION_NAME", "edge")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_SESSION_TOKEN", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", format!("http://{storage}"))
            .envs(variables(deployment).map(|(name, value)| (format!("TRIBUTARY_{name}"), value)))
            .stdin(Stdio::null())
            .stdout(log.reopen()?)
            .stderr(log.reopen()?)
            .spawn()?;
        Ok(Function { child, log })
    }

    /// What time of processors it has taken.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in brackets, may hold anything: what counts comes after it, user time and system time as the
        // twelfth and thirteenth.
        let numbers = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        let ticks: f64 = numbers.map(str::parse::<f64>).sum::<std::result::Result<f64, _>>()?;
        Ok(Duration::from_secs_f64(ticks / TICKS))
    }

    /// The last of what it said.
    pub fn said(&self) -> String {
        let log = fs::read_to_string(self.log.path()).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // An error says that it is gone, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What functions read of their environment.
fn variables(deployment: &Deployment) -> [(&'static str, &String); 15] {
    [
        ("PROFILES", &deployment.profiles),
        ("IDENTITIES", &deployment.identities),
        ("LEDGER", &deployment.ledger),
        ("INBOX", &deployment.inbox),
        ("CONTROL", &deployment.control),
        ("DATA", &deployment.data),
        ("EXPORTS", &deployment.exports),
        ("EVENTS", &deployment.events),
        ("EVENTS_STREAM", &deployment.events_stream),
        ("EVENTS_QUEUE", &deployment.events_queue),
        ("CHUNKS_QUEUE", &deployment.chunks_queue),
        ("VISITORS_QUEUE", &deployment.visitors_queue),
        ("SLICES_QUEUE", &deployment.slices_queue),
        ("WAKES_QUEUE", &deployment.wakes_queue),
        ("SECRETS_PREFIX", &deployment.secrets_prefix),
    ]
}
