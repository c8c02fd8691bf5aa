//! A server in a process of its own: where it listens, how much processor it has used, and its end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::process::program;

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    /// `host:port` of Flight.
    pub(super) address: String,
}

impl Program {
    /// `pareto serve` on a warehouse.
    pub(super) fn pareto(warehouse: &Path) -> Result<Self, String> {
        let mut command = Command::new(program());
        command.args(["serve", "--flight", "127.0.0.1:0", "--warehouse"]).arg(warehouse);
        Self::start(command)
    }

    /// The plain server on the Parquet files of a folder: this program with a word of its own.
    pub(super) fn plain(folder: &Path) -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(this);
        command.arg("plain-flight").arg(folder);
        Self::start(command)
    }

    /// Waits for the line that says where it listens.
    fn start(mut command: Command) -> Result<Self, String> {
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            started.spawn().map_err(|error| format!("{command:?} cannot be run: {error}"))?;
        let Some(told) = child.stderr.take() else {
            return Err("a server without standard error".to_owned());
        };
        let mut lines = BufReader::new(told).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, rest) = line.split_once("on grpc://")?;
            rest.split([',', ' ']).next().map(str::to_owned)
        });
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        match address {
            Some(address) => Ok(Self { child, address }),
            None => Err(format!("{command:?} did not say where it listens")),
        }
    }

    /// Nanoseconds of processor time that its threads have used, those that have ended left out.
    pub(super) fn busy(&self) -> Result<u64, String> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let wrong = |error: std::io::Error| format!("{tasks}: {error}");
        let mut total = 0;
        for task in std::fs::read_dir(&tasks).map_err(wrong)? {
            // A thread may end between the two.
            let Ok(text) = std::fs::read_to_string(task.map_err(wrong)?.path().join("schedstat"))
            else {
                continue;
            };
            total += text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        Ok(total)
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
