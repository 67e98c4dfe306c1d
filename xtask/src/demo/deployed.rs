//! The deployed template on MiniStack, and the commands that work on it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anstream::println;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use crate::emulator::{self, Emulator, Environment};
use crate::stack::Stack;
use crate::style::{BOLD, DIM, heading};
use crate::venv::Venv;
use crate::{functions, ministack, process, progress};

/// A deployment of the demo's own. It ends when this value is dropped.
pub struct Deployed {
    /// Name and version of the emulator.
    pub label: String,
    emulator: Emulator,
    environment: Environment,
    tools: Venv,
}

impl Deployed {
    /// Starts the emulator, and deploys with some parameters, each as `Name=value`.
    pub fn start(parameters: Vec<String>) -> Result<Self> {
        let tools = Venv::tools()?;
        let emulator = ministack::start()?;
        let reach = emulator.environment();
        let environment = Stack { name: "tributary-demo", parameters, reach: &reach }.deploy()?;
        Ok(Self { label: emulator.label.clone(), emulator, environment, tools })
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

    /// Validates a project, and brings it into force.
    pub fn apply(&self, project: &Path) -> Result<()> {
        let named = |verb: &str| self.tributary([verb.as_ref(), project.as_os_str()]);
        progress::step("validating the project", || process::run(&mut named("validate")))?;
        progress::step("applying the project", || process::run(&mut named("apply")))
    }

    /// What the AWS command line answers.
    pub fn aws(&self, arguments: &[&str]) -> Result<String> {
        process::output(
            self.tools.command("aws").args(arguments).env_remove("AWS_PROFILE").envs(&self.environment),
        )
    }

    /// Keeps a secret under a name below the deployment's prefix.
    pub fn put_secret(&self, name: &str, secret: &str) -> Result<()> {
        let name = format!("{}{name}", self.variable("TRIBUTARY_SECRETS_PREFIX")?);
        self.aws(&["secretsmanager", "create-secret", "--name", &name, "--secret-string", secret])?;
        Ok(())
    }

    /// What the deployment says of itself.
    pub fn variable(&self, name: &str) -> Result<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("the stack exports no `{name}`"))
    }

    /// Fails if the emulator has ended.
    pub fn check(&mut self) -> Result<()> {
        self.emulator.check()
    }

    /// Where the emulator's output goes.
    pub fn log(&self) -> &Path {
        self.emulator.log()
    }

    /// Prints what a shell needs to look around, and some examples.
    pub fn print(&self, examples: &[String]) {
        heading("Look around: paste this into another shell");
        let (command, tools) = (functions::command_line(), self.tools.command("aws"));
        let folders = [command.parent(), Path::new(tools.get_program()).parent()];
        let folders: Vec<_> =
            folders.into_iter().flatten().map(|folder| folder.display().to_string()).collect();
        emulator::print(&self.environment);
        println!("export PATH=\"{}:$PATH\"", folders.join(":"));
        println!("{DIM}# then, for example{DIM:#}");
        for example in examples {
            println!("{example}");
        }
        println!("\n{BOLD}everything runs until Ctrl-C{BOLD:#}");
    }
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
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
