//! No process outlives the one that started it, however that one ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stack::paths;

/// Not a test: the parent that [`nothing_survives_a_killed_parent`] kills.
#[test]
#[ignore = "run by another test"]
fn parent() {
    let child = thread::spawn(|| {
        let (mut redis, folder) = super::redis();
        let id = redis.process().unwrap().id();
        println!("child {id}");
        (redis, folder)
    });
    // The thread that asked for the child is gone now; the child must still be there.
    let _redis = child.join().unwrap();
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn nothing_survives_a_killed_parent() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "safety::parent", "--ignored", "--nocapture"]).stdout(Stdio::piped());
    let mut parent = command.spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let id = lines.filter_map(|line| line.split_once("child ").map(|(_, id)| id.to_owned())).next().unwrap();
    let process = Path::new("/proc").join(&id);
    thread::sleep(Duration::from_millis(100));
    assert!(process.exists(), "the child died with the thread that asked for it");
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while process.exists() && !is_zombie(&process) {
        assert!(Instant::now() < deadline, "process {id} is still there");
        thread::sleep(Duration::from_millis(10));
    }
    // What the parent could not do any more.
    let folder = paths::repository().join(format!("target/stack/test-{}-0", parent.id()));
    std::fs::remove_dir_all(folder).unwrap();
}

/// Dead, but nobody has asked how: some containers have no init that does.
fn is_zombie(process: &Path) -> bool {
    std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| stat.contains(") Z "))
}
