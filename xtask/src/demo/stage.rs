//! Where the story plays: MiniStack, the stand-in for Facebook, and the deployed template.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::emulator::{self, Emulator, Environment};
use crate::process::{self, Server, free_port};
use crate::stack::Stack;
use crate::style::{BOLD, DIM, heading};
use crate::venv::Venv;
use crate::{functions, http, ministack, progress, workspace};

/// What the stand-in takes for a token of Meta's.
const TOKEN: &str = "demo-token";

/// Where the example's project lies in the checkout.
const EXAMPLE: &str = "examples/securfinancial";

/// Everything that runs, and how to reach it. It ends when this value is dropped.
pub struct Stage {
    /// The project, and the files that come and go.
    pub folder: PathBuf,
    /// Name and version of the emulator.
    pub label: String,
    /// How long anything is waited for.
    pub patience: Duration,
    emulator: Emulator,
    graph_api: Server,
    graph_api_port: u16,
    environment: Environment,
    tools: Venv,
}

impl Stage {
    /// Starts the emulator and the stand-in, deploys, hands over the credentials, and lays the project out.
    pub fn set(rows: u64) -> Result<Self> {
        let tools = Venv::tools()?;
        let emulator = ministack::start()?;
        let (graph_api, graph_api_port) =
            progress::step("starting the stand-in for Facebook", start_graph_api)?;
        let reach = emulator.environment();
        let parameters = vec!["ScheduleExpression=rate(1 minute)".to_owned()];
        let environment = Stack { name: "tributary-demo", parameters, reach: &reach }.deploy()?;
        let folder = workspace::target().join("demo");
        let patience = Duration::from_secs(180 + rows / 20);
        let label = emulator.label.clone();
        let stage = Self { folder, label, emulator, graph_api, graph_api_port, environment, tools, patience };
        progress::step("handing over Facebook's credentials", || stage.put_secret())?;
        stage.lay_out_project()?;
        Ok(stage)
    }

    /// A place in the demo's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The command `tributary`, on this deployment.
    pub fn tributary<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(functions::command_line());
        command.args(arguments).env_remove("AWS_PROFILE").envs(&self.environment);
        command
    }

    /// What `tributary` says for programs.
    pub fn report<T: DeserializeOwned, S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<T> {
        let mut command = self.tributary(arguments);
        let said = process::output(command.args(["--format", "json"]))?;
        serde_json::from_str(&said)
            .with_context(|| format!("`{}` says something else", process::words(&command)))
    }

    /// What `tributary` says for people, in full view.
    pub fn show(&self, title: &str, arguments: &[&str]) -> Result<()> {
        heading(title);
        println!("{DIM}$ tributary {}{DIM:#}", arguments.join(" "));
        process::show(&mut self.tributary(arguments))
    }

    /// Puts a file into the inbox.
    pub fn upload(&self, file: &Path, key: &str) -> Result<()> {
        let inbox = format!("s3://{}/{key}", self.variable("TRIBUTARY_INBOX")?);
        self.aws(&["s3", "cp", "--only-show-errors", &file.display().to_string(), &inbox])
    }

    /// Fetches what destinations have written, and answers where it lies now.
    pub fn exports(&self) -> Result<PathBuf> {
        let folder = self.path("exports");
        let exports = format!("s3://{}", self.variable("TRIBUTARY_EXPORTS")?);
        self.aws(&["s3", "sync", "--only-show-errors", &exports, &folder.display().to_string()])?;
        Ok(folder)
    }

    /// What the stand-in for Facebook answers at one of its windows.
    pub fn graph_api(&self, window: &str) -> Result<Value> {
        let path = format!("/_control{window}");
        http::get_json(self.graph_api_port, &path).context("the stand-in for Facebook does not answer")
    }

    /// Looks twice a second until there is something, as long as everything runs and patience lasts.
    pub fn wait<T>(
        &mut self,
        name: &str,
        total: u64,
        mut look: impl FnMut(&Self, &ProgressBar) -> Result<Option<T>>,
    ) -> Result<T> {
        progress::watch(name, total, |bar| {
            let started = Instant::now();
            while started.elapsed() < self.patience {
                if let Some(found) = look(self, bar)? {
                    return Ok(found);
                }
                self.check()?;
                thread::sleep(Duration::from_millis(500));
            }
            let (seconds, log) = (self.patience.as_secs(), self.emulator.log().display());
            bail!("{name}: at {} of {total} after {seconds} s; the emulator's log is `{log}`", bar.position())
        })
    }

    /// Leaves everything running, and says how to look around.
    pub fn keep(&mut self) -> Result<()> {
        heading("Look around: paste this into another shell");
        let (command, tools) = (functions::command_line(), self.tools.command("aws"));
        let folders = [command.parent(), Path::new(tools.get_program()).parent()];
        let folders: Vec<_> =
            folders.into_iter().flatten().map(|folder| folder.display().to_string()).collect();
        emulator::print(&self.environment);
        println!("export PATH=\"{}:$PATH\"", folders.join(":"));
        println!("{DIM}# then, for example{DIM:#}");
        for example in [
            "tributary batches".to_owned(),
            "tributary batch show 2".to_owned(),
            "tributary profile show --namespace Email --value bobby.bank@example.com".to_owned(),
            "tributary audiences".to_owned(),
            "tributary dataflow show prospects_to_email".to_owned(),
            "tributary runs".to_owned(),
            format!("$EDITOR {0}; tributary apply {0}", self.path("project").display()),
            "aws s3 ls --recursive s3://$TRIBUTARY_EXPORTS".to_owned(),
            format!("curl http://127.0.0.1:{}/_control", self.graph_api_port),
        ] {
            println!("{example}");
        }
        println!("\n{BOLD}everything runs until Ctrl-C{BOLD:#}");
        loop {
            self.check()?;
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn check(&mut self) -> Result<()> {
        self.emulator.check()?;
        self.graph_api.check()
    }

    fn variable(&self, name: &str) -> Result<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("the stack exports no `{name}`"))
    }

    fn aws(&self, arguments: &[&str]) -> Result<()> {
        process::run(
            self.tools.command("aws").args(arguments).env_remove("AWS_PROFILE").envs(&self.environment),
        )
    }

    fn put_secret(&self) -> Result<()> {
        let name = format!("{}destinations/facebook", self.variable("TRIBUTARY_SECRETS_PREFIX")?);
        let secret = json!({ "access_token": TOKEN }).to_string();
        self.aws(&["secretsmanager", "create-secret", "--name", &name, "--secret-string", &secret])
    }

    /// Copies the example, whose Facebook is the stand-in.
    fn lay_out_project(&self) -> Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        let project = self.path("project");
        copy(&workspace::root().join(EXAMPLE), &project)?;
        let facebook = project.join("destinations/facebook.yaml");
        let yaml = fs::read_to_string(&facebook)?;
        let (before, after) = yaml.split_once("config:\n").with_context(|| {
            format!("`{}` has no line `config:`, below which the stand-in's address goes", facebook.display())
        })?;
        let base_url = format!("  base_url: http://127.0.0.1:{}", self.graph_api_port);
        Ok(fs::write(&facebook, format!("{before}config:\n{base_url}\n{after}"))?)
    }
}

fn start_graph_api() -> Result<(Server, u16)> {
    let port = free_port()?;
    let mut command = Command::new(functions::stand_in());
    command.args(["--port", &port.to_string(), "--token", TOKEN]);
    let mut server = Server::spawn("graph-api", &mut command)?;
    server.wait_for(Duration::from_secs(10), || http::get_json(port, "/_control"))?;
    Ok((server, port))
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
