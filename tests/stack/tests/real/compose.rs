//! `envoy/compose.yaml` without docker: its shape, the files it names, and Envoy with the arguments it gives.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use stack::{Origin, Port, Process, Request, Scratch, Tunnel, answer, paths};

fn compose() -> Value {
    serde_yaml_ng::from_str(&paths::read(&paths::shipped("compose.yaml")).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn every_image_is_pinned_and_every_mounted_file_exists() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let image = service["image"].as_str();
        let tag = image.map(|image| image.rsplit_once(':').unwrap().1);
        assert!(tag.is_none_or(|tag| tag.matches('.').count() == 2), "{name}: {image:?}");
        assert!(image.is_some() || service["build"]["dockerfile"] == "envoy/demo.Dockerfile", "{name}");
        for volume in texts(&service["volumes"]) {
            let file = volume.split(':').next().unwrap();
            assert!(paths::shipped(file).exists(), "{name}: {file}");
        }
    }
    assert!(paths::repository().join("envoy/demo.Dockerfile").exists());
}

#[test]
fn all_share_the_network_of_envoy_whose_ports_only_this_machine_reaches() {
    let compose = compose();
    let mut services: BTreeMap<_, _> = compose["services"].as_object().unwrap().iter().collect();
    let envoy = services.remove(&"envoy".to_owned()).unwrap();
    assert_eq!(texts(&envoy["ports"]), ["127.0.0.1:18000:18100", "127.0.0.1:18001:18001", "127.0.0.1:18005:18105"]);
    assert_eq!(services.len(), 3);
    for (name, service) in services {
        assert_eq!(service["network_mode"], "service:envoy", "{name}");
        assert_eq!(service["ports"], Value::Null, "{name}");
    }
}

#[test]
fn webdis_does_not_start_a_redis_of_its_own() {
    assert_eq!(texts(&compose()["services"]["webdis"]["command"]), ["/usr/local/bin/webdis", "/srv/webdis.json"]);
}

/// Envoy as in its container, but on other ports and on the loopback interface alone.
#[test]
fn envoy_takes_the_arguments_and_what_docker_forwards_arrives() {
    let origin = Origin::start(|_| answer(200, &[], "from the service")).unwrap();
    let ports = [18000, 18001, 18005, 18100, 18105].map(|shipped: u16| (shipped, Port::free().unwrap()));
    let folder = Scratch::new("test").unwrap();
    let moved = |text: &str| {
        let text = text.replace("0.0.0.0", "127.0.0.1").replace("18002", &origin.port().to_string());
        ports.iter().fold(text, |text, (shipped, port)| text.replace(&shipped.to_string(), &port.number().to_string()))
    };
    let shipped = moved(&paths::read(&paths::shipped("envoy.yaml")).unwrap());
    let plugin = paths::plugin().unwrap();
    let shipped = shipped.replace("target/plugin.wasm", &plugin.to_string_lossy());
    let tls = paths::certificate().unwrap();
    let shipped = shipped.replace(".tools/tls", &tls.parent().unwrap().to_string_lossy());
    paths::write(&folder.path().join("envoy.yaml"), shipped.as_bytes()).unwrap();
    let mut words = texts(&compose()["services"]["envoy"]["command"]);
    assert_eq!(words.remove(0), "envoy");
    let mut command = Command::new(paths::program("envoy").unwrap());
    command.args(words.iter().map(|word| moved(word).replace("envoy/envoy.yaml", "envoy.yaml")));
    command.arg("--disable-hot-restart").current_dir(folder.path());
    let mut process = Process::start("envoy", command, &folder.path().join("envoy.log")).unwrap();
    let (published, with_tls) = (ports[3].1.number(), ports[4].1.number());
    let answered = || Request::get("/health").send(published).ok().filter(|response| response.status == 200);
    let response = process.until(Duration::from_secs(20), answered).unwrap();
    assert_eq!(response.body, b"from the service");
    let response = Tunnel::open(with_tls, &[]).unwrap().send(&Request::get("/health")).unwrap();
    assert_eq!(response.body, b"from the service");
    let ja4 = origin.asked().last().and_then(|asked| asked.header("x-ja4").map(<[u8]>::len));
    assert_eq!(ja4, Some(36), "the fingerprint of whoever asked docker");
}
