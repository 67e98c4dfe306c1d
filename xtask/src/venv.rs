//! The project's own Python environments: every tool that a machine with only Rust and Python 3 lacks comes from here, pinned.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, progress, workspace};

/// A virtual environment under `.venv/` that holds what `infra/local/requirements-<name>.txt` lists.
pub struct Venv {
    dir: PathBuf,
}

impl Venv {
    /// MiniStack, the AWS command line, and the linters and build tools.
    pub fn tools() -> Result<Self> {
        Self::ensure("tools")
    }

    /// LocalStack, whose pins clash with everything newer.
    pub fn localstack() -> Result<Self> {
        Self::ensure("localstack")
    }

    /// Node, with which npm's packages for the browser are installed and run.
    pub fn browser() -> Result<Self> {
        Self::ensure("browser")
    }

    /// The engines on columns that audiences are compared with.
    pub fn audiences() -> Result<Self> {
        Self::ensure("audiences")
    }

    /// Where the environment lies, for what is kept beside its packages.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command of this environment, which also finds the environment's other commands.
    pub fn command(&self, program: &str) -> Command {
        let bin = self.dir.join("bin");
        let mut command = Command::new(bin.join(program));
        command.env("PATH", process::path_with(&bin)).env_remove("PYTHONHOME").env_remove("PYTHONPATH");
        command
    }

    /// Held by whoever installs something into it, for as long as the file that this answers lives.
    pub fn lock(&self) -> Result<File> {
        let path = self.dir.with_extension("lock");
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    }

    /// The environment called `name`, made anew only if its requirements have changed since it was made.
    fn ensure(name: &str) -> Result<Self> {
        let requirements = workspace::root().join(format!("infra/local/requirements-{name}.txt"));
        let wanted =
            fs::read(&requirements).with_context(|| format!("cannot read `{}`", requirements.display()))?;
        let venv = Self { dir: workspace::root().join(".venv").join(name) };
        let stamp = venv.dir.join("requirements.txt");
        let _one_at_a_time = venv.lock()?;
        if fs::read(&stamp).is_ok_and(|made_of| made_of == wanted) {
            return Ok(venv);
        }
        progress::step(&format!("installing `{name}` into .venv (first run only)"), || {
            venv.make(&requirements)
        })?;
        fs::write(&stamp, wanted)?;
        Ok(venv)
    }

    fn make(&self, requirements: &Path) -> Result<()> {
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir)?;
        }
        check_python()?;
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&self.dir)).context(
            "cannot make a virtual environment: Debian and Ubuntu need `apt-get install python3-venv`",
        )?;
        let mut pip = self.command("python");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-compile",
            "--no-deps",
        ]);
        process::run(pip.arg("--requirement").arg(requirements))
    }
}

/// The pins are made for Python 3.11 and newer: say so before pip says something harder to read.
fn check_python() -> Result<()> {
    let newer = Command::new("python3")
        .args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
        .status()
        .context("cannot run `python3`: install Python 3.11 or newer")?;
    if !newer.success() {
        bail!("`python3` is older than 3.11: install Python 3.11 or newer, and put it first in PATH");
    }
    Ok(())
}
