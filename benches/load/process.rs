//! The server as a process of this machine: starting it, and what it takes of processor and memory.
//! <https://man7.org/linux/man-pages/man5/proc.5.html>

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// Ticks of the processor clock in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;
/// How long a server may take to answer first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Processes whose use of the machine is measured, each with those that it started.
#[derive(Default)]
pub struct Watched(pub Vec<u32>);

impl Watched {
    /// Processor time so far; none where a process cannot be looked at.
    pub fn processor(&self) -> Option<Duration> {
        let all = self.all()?;
        let ticks: Option<u64> = all.into_iter().map(ticks).sum();
        ticks.map(|ticks| Duration::from_secs_f64(ticks as f64 / TICKS))
    }

    /// Resident memory in bytes of the first process alone: its own, and that of files, of which the system may take
    /// back what it needs, and which counts a page as often as it is mapped.
    pub fn memory(&self) -> Option<[u64; 2]> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.first()?)).ok()?;
        let bytes = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
        };
        Some([bytes("RssAnon:")?, bytes("RssFile:")?])
    }

    /// The processes and their descendants.
    fn all(&self) -> Option<Vec<u32>> {
        if self.0.is_empty() {
            return None;
        }
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(parent) = fields(id).and_then(|fields| fields.get(1)?.parse().ok()) {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut all = self.0.clone();
        let mut at = 0;
        while let Some(id) = all.get(at).copied() {
            all.extend(children.remove(&id).unwrap_or_default());
            at += 1;
        }
        Some(all)
    }
}

/// A server that ends with its guard.
pub struct Server(Child);

impl Server {
    /// Starts a program with these arguments and settings.
    pub fn start(program: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(arguments).envs(settings.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().map(Self).map_err(|cause| format!("{}: {cause}", program.display()))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is asked to stop, so that it closes its database; only what does not listen is killed.
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(20);
        while asked.is_ok() && Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Asks until the answer is there, and says how long that took.
pub fn wait_for(mut ask: impl FnMut() -> bool) -> Result<Duration, String> {
    let started = Instant::now();
    while !ask() {
        if started.elapsed() > PATIENCE {
            return Err("the server did not answer in time".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(started.elapsed())
}

/// A port of this machine that is free just now.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|cause| cause.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|cause| cause.to_string())
}

/// The bytes of a file, or of all files below a folder.
pub fn bytes_of(path: &Path) -> u64 {
    let Ok(about) = fs::symlink_metadata(path) else { return 0 };
    if !about.is_dir() {
        return about.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| bytes_of(&entry.path())).sum()
}

/// User and system time of a process. One that has ended meanwhile has none.
fn ticks(id: u32) -> Option<u64> {
    let Some(fields) = fields(id) else { return Some(0) };
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some(number(11)? + number(12)?)
}

/// The fields of `stat` after the name, which may hold anything.
fn fields(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Has this thread of the client take the processor only where the server and others leave it: in use it is another
/// machine's. Elsewhere than on Linux a priority is that of the whole process, and nothing changes.
pub fn be_elsewhere() {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(None, 10).ok();
}
