//! A deployment of the template on an emulator.

use std::fs;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::emulator::Environment;
use crate::venv::Venv;
use crate::{process, progress, workspace};

/// What is to be deployed, and where.
pub struct Stack<'a> {
    /// Its name, in lower case: buckets are named after it.
    pub name: &'a str,
    /// Values of the template's parameters, each as `Name=value`.
    pub parameters: Vec<String>,
    /// What a client needs to reach the emulator.
    pub reach: &'a Environment,
}

impl Stack<'_> {
    /// Deploys the functions as they are built, or brings a deployment up to date with them. Answers what the functions' clients need: the
    /// emulator's variables, and the deployment's own.
    pub fn deploy(&self) -> Result<Environment> {
        progress::step(&format!("deploying the stack `{}`", self.name), || {
            let tools = Venv::tools()?;
            let bucket = format!("{}-artifacts", self.name);
            let packaged = self.package(&tools, &bucket)?;
            // The template is too large to be sent along: it goes through the bucket, like the functions.
            let deployed = self.aws(
                &tools,
                &["cloudformation", "deploy", "--no-fail-on-empty-changeset", "--s3-bucket", &bucket],
                &self.options(&packaged),
            );
            if let Err(error) = deployed {
                let events = self.failures(&tools).unwrap_or_default();
                return Err(error.context(format!("cannot deploy the stack `{}`:\n{events}", self.name)));
            }
            let mut environment = self.reach.clone();
            environment.extend(self.outputs(&tools)?);
            Ok(environment)
        })
    }

    /// Uploads the functions, and answers where the template lies that names them.
    fn package(&self, tools: &Venv, bucket: &str) -> Result<String> {
        let packaged = workspace::target().join("lambda").join(format!("{}.yaml", self.name));
        fs::create_dir_all(packaged.with_file_name(""))?;
        let packaged = packaged.display().to_string();
        let template = workspace::root().join("infra/template.yaml").display().to_string();
        // Made twice, it is the same bucket: emulators stand in for us-east-1, where that is no error.
        self.aws(tools, &["s3api", "create-bucket", "--bucket", bucket], &[])?;
        let files = ["--template-file", &template, "--output-template-file", &packaged];
        self.aws(tools, &["cloudformation", "package", "--s3-bucket", bucket], &files.map(str::to_owned))?;
        Ok(packaged)
    }

    fn options(&self, template: &str) -> Vec<String> {
        let fixed = ["--template-file", template, "--stack-name", self.name];
        let capabilities = ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"];
        let mut options: Vec<String> = fixed.into_iter().chain(capabilities).map(str::to_owned).collect();
        if !self.parameters.is_empty() {
            options.push("--parameter-overrides".to_owned());
            options.extend(self.parameters.iter().cloned());
        }
        options
    }

    /// The variables that the deployed stack's output `Environment` exports.
    fn outputs(&self, tools: &Venv) -> Result<Environment> {
        let query = "Stacks[0].Outputs[?OutputKey=='Environment'].OutputValue | [0]";
        let options = ["--stack-name", self.name, "--query", query].map(str::to_owned);
        let output = self.aws(tools, &["cloudformation", "describe-stacks", "--output", "json"], &options)?;
        let exports: Value = serde_json::from_str(&output)?;
        let exports = exports.as_str().context("the stack has no output `Environment`")?;
        exports
            .lines()
            .map(|line| {
                let (name, value) = line.strip_prefix("export ").and_then(|pair| pair.split_once('=')).ok_or_else(|| {
                    anyhow!("the stack's output `Environment` has the line `{line}`, which is no `export NAME='value'`")
                })?;
                Ok((name.to_owned(), value.trim_matches('\'').to_owned()))
            })
            .collect()
    }

    /// What CloudFormation says of the resources that failed.
    fn failures(&self, tools: &Venv) -> Result<String> {
        let query =
            "StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]";
        let options = ["--stack-name", self.name, "--query", query].map(str::to_owned);
        self.aws(tools, &["cloudformation", "describe-stack-events", "--output", "text"], &options)
    }

    fn aws(&self, tools: &Venv, command: &[&str], options: &[String]) -> Result<String> {
        let mut aws = tools.command("aws");
        process::output(aws.args(command).args(options).env_remove("AWS_PROFILE").envs(self.reach))
    }
}
