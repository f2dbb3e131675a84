//! `comfrey demo`, the program itself: what it prints works as printed.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

/// The demo on a port of its own; goes when dropped.
pub struct Demo {
    process: Child,
    // kept open, since a program that cannot print ends
    _output: BufReader<ChildStdout>,
    /// Where it serves: `http://127.0.0.1:…`.
    pub origin: String,
    /// The lines that it says to try.
    pub curls: Vec<String>,
}

impl Demo {
    /// Starts it and waits until it has said what to try.
    pub fn start() -> Self {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_comfrey"));
        demo.args(["demo", "--listen", "127.0.0.1:0", "--log", "error"]).stdout(Stdio::piped());
        let mut process = demo.spawn().expect("the demo starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let lines = output.by_ref().lines().map_while(Result::ok);
        let curls = lines.filter(|line| line.starts_with("curl ")).take(3).collect();
        let mut demo = Self { process, _output: output, origin: String::new(), curls };
        let first = demo.curls.first().expect("the demo says what to try");
        let at = first.find("http://").expect("a line to try has a URL");
        demo.origin = first[at..].split("/fhir").next().unwrap().to_owned();
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_three_curl_lines_work_as_printed() {
    let demo = Demo::start();
    assert_eq!(demo.curls.len(), 3);
    for line in &demo.curls {
        // a shell runs the line as somebody would who copies it
        let ran =
            Command::new("sh").args(["-c", &line.replace("curl -s", "curl -sS --fail")]).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        let answer: Value = serde_json::from_slice(&ran.stdout).expect(line);
        match answer["resourceType"].as_str() {
            Some("Bundle") => assert!(!answer["entry"].as_array().unwrap().is_empty(), "{line}"),
            Some("Parameters") => assert!(answer.to_string().contains("\"eligible\""), "{line}: {answer}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}
