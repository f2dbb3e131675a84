//! `comfrey demo`, the program itself: what it prints works as printed.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_three_curl_lines_work_as_printed() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_comfrey"));
    let demo = demo.args(["demo", "--listen", "127.0.0.1:0", "--log", "error"]).stdout(Stdio::piped());
    let mut demo = Running(demo.spawn().expect("the demo starts"));
    let lines =
        BufReader::new(demo.0.stdout.take().expect("its output is piped")).lines().map_while(Result::ok);
    let curls: Vec<_> = lines.filter(|line| line.starts_with("curl ")).take(3).collect();
    assert_eq!(curls.len(), 3);
    for line in &curls {
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
