//! The command `tributary` on a deployment of a test's own, as a person runs it.

use std::path::PathBuf;
use std::process::{Command, Output};

use aws::Deployment;

use super::Local;

/// What the command came to.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What it printed for programs: JSON, or lines of it.
    pub printed: Vec<serde_json::Value>,
    /// The same, as it was printed.
    pub text: String,
}

impl Local {
    /// Runs the command, printing for programs.
    ///
    /// # Panics
    /// Where there is no command: it is built with the workspace.
    pub fn tributary(&self, arguments: &[&str]) -> Ran {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        let code = output.status.code().expect("the command ends by itself");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(code < 2, "`tributary {}` failed: {errors}", arguments.join(" "));
        let text = String::from_utf8(output.stdout).expect("the command prints text");
        let documents = serde_json::Deserializer::from_str(&text).into_iter();
        let printed = documents.collect::<Result<_, _>>().expect("the command prints JSON");
        Ran { code, printed, text }
    }

    /// Runs the command as people do, and answers with its exit code and with all that they are told.
    ///
    /// # Panics
    /// Where there is no command: it is built with the workspace.
    pub fn tributary_tells(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, mut stdout, stderr } = self.run(arguments);
        stdout.extend(stderr);
        let told = String::from_utf8(stdout).expect("the command prints text");
        (status.code().expect("the command ends by itself"), told)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let endpoint = self.config.endpoint_url().expect("the deployment is on an emulator");
        let mut command = Command::new(command());
        command
            .args(arguments)
            .envs(variables(&self.store.deployment))
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("USER", "dora");
        command.output().expect("the command `tributary` is built with the workspace")
    }
}

/// The command that was built with the tests.
fn command() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    let built = test.ancestors().nth(2).expect("the program lies where cargo builds");
    built.join("tributary")
}

fn variables(deployment: &Deployment) -> [(&'static str, &str); 15] {
    [
        ("TRIBUTARY_PROFILES", &deployment.profiles),
        ("TRIBUTARY_IDENTITIES", &deployment.identities),
        ("TRIBUTARY_LEDGER", &deployment.ledger),
        ("TRIBUTARY_INBOX", &deployment.inbox),
        ("TRIBUTARY_CONTROL", &deployment.control),
        ("TRIBUTARY_DATA", &deployment.data),
        ("TRIBUTARY_EXPORTS", &deployment.exports),
        ("TRIBUTARY_EVENTS", &deployment.events),
        ("TRIBUTARY_EVENTS_STREAM", &deployment.events_stream),
        ("TRIBUTARY_EVENTS_QUEUE", &deployment.events_queue),
        ("TRIBUTARY_CHUNKS_QUEUE", &deployment.chunks_queue),
        ("TRIBUTARY_VISITORS_QUEUE", &deployment.visitors_queue),
        ("TRIBUTARY_SLICES_QUEUE", &deployment.slices_queue),
        ("TRIBUTARY_WAKES_QUEUE", &deployment.wakes_queue),
        ("TRIBUTARY_SECRETS_PREFIX", &deployment.secrets_prefix),
    ]
}
