//! A small module with every way of reaching a function, trimmed.

use super::*;
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ElementSection, Elements, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, Module, NameMap, NameSection, RefType, TableSection, TableType, TypeSection,
};

/// Functions: 0 and 1 imported; 2 `keep` calls 3; 3 calls import 1; 4 `gone` calls 5 and import 0; 5 nothing;
/// 6 only in the table.
fn sample() -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import("env", "unused", wasm_encoder::EntityType::Function(0));
    imports.import("env", "used", wasm_encoder::EntityType::Function(0));
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for calls in [vec![3], vec![1], vec![5, 0], vec![], vec![]] {
        functions.function(0);
        let mut body = Function::new([]);
        for callee in calls {
            body.instructions().call(callee);
        }
        body.instructions().end();
        code.function(&body);
    }
    let mut tables = TableSection::new();
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 1, maximum: None, shared: false });
    let mut exports = ExportSection::new();
    exports.export("keep", ExportKind::Func, 2);
    exports.export("gone", ExportKind::Func, 4);
    exports.export("table", ExportKind::Table, 0);
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&[6]).into()));
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&exports);
    let mut names = NameSection::new();
    let mut named = NameMap::new();
    (0..7).for_each(|function| named.append(function, "f"));
    names.functions(&named);
    module.section(&elements).section(&code).section(&names);
    module.section(&CustomSection { name: "producers".into(), data: (&[0]).into() });
    module.finish()
}

/// How many functions are imported, how many have bodies, how many custom sections there are.
fn shape(module: &[u8]) -> (u32, u32, usize) {
    let (mut imported, mut bodies, mut custom) = (0, 0, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::ImportSection(section) => imported = section.count(),
            Payload::FunctionSection(section) => bodies = section.count(),
            Payload::CustomSection(_) => custom += 1,
            _ => {}
        }
    }
    (imported, bodies, custom)
}

fn trimmed(dropped: &[&str]) -> Result<Vec<u8>, String> {
    let dropped: Vec<String> = dropped.iter().map(|&name| name.to_owned()).collect();
    without(&sample(), &dropped)
}

#[test]
fn the_sample_is_what_it_claims() {
    wasmparser::validate(&sample()).unwrap();
    assert_eq!(shape(&sample()), (2, 5, 2));
}

#[test]
fn what_only_a_dropped_export_used_goes_with_it() {
    let module = trimmed(&["gone"]).unwrap();
    assert_eq!(exports(&module).unwrap(), ["keep", "table"]);
    // Functions 4 and 5 and the import `unused` go; the one in the table stays.
    assert_eq!(shape(&module), (1, 3, 0));
}

#[test]
fn calls_lead_where_they_led() {
    let module = trimmed(&["gone"]).unwrap();
    let keeps = |name: &str| name == "keep";
    // New indices: 0 `used`, 1 `keep`, 2 its callee, 3 in the table.
    assert_eq!(reach::needed(&module, &keeps).unwrap(), [0, 1, 2, 3].into());
    let again = without(&module, &["table".to_owned()]).unwrap();
    assert_eq!(shape(&again), (1, 3, 0));
}

#[test]
fn a_star_stands_for_all_that_begin_so() {
    assert_eq!(exports(&trimmed(&["g*", "ke*"]).unwrap()).unwrap(), ["table"]);
}

#[test]
fn a_name_that_stands_for_nothing_is_an_error() {
    assert!(trimmed(&["gone", "proxy_*"]).unwrap_err().contains("no export is called proxy_*"));
    assert!(without(b"\0asm", &["x".to_owned()]).is_err());
}
