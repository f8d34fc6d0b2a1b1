//! The module encoded anew without the exports and functions that are not needed.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, ExportSection, FunctionSection, ImportSection, Module};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, Export, FunctionSectionReader, ImportSectionReader, Parser, TypeRef,
};

type Outcome<T> = Result<T, Error<Infallible>>;

/// Encodes the module with the exports that `keeps` names and the functions in `needed` only.
pub fn rewrite(module: &[u8], keeps: &dyn Fn(&str) -> bool, needed: &BTreeSet<u32>) -> Result<Vec<u8>, String> {
    let places = needed.iter().zip(0..).map(|(&old, new)| (old, new)).collect();
    let mut rewrite = Rewrite { keeps, places, next: 0 };
    let mut trimmed = Module::new();
    let rewritten = rewrite.parse_core_module(&mut trimmed, Parser::new(0), module);
    rewritten.map_err(|error| error.to_string())?;
    Ok(trimmed.finish())
}

struct Rewrite<'a> {
    keeps: &'a dyn Fn(&str) -> bool,
    /// Old index to new, of the needed functions.
    places: BTreeMap<u32, u32>,
    /// The old index of the next function that a section lists: imports come first, the others follow.
    next: u32,
}

impl Rewrite<'_> {
    /// Whether the next function is needed.
    fn takes(&mut self) -> bool {
        self.next += 1;
        self.places.contains_key(&(self.next - 1))
    }
}

impl Reencode for Rewrite<'_> {
    type Error = Infallible;

    /// Only needed functions are ever mentioned by what is needed.
    fn function_index(&mut self, function: u32) -> Outcome<u32> {
        self.places.get(&function).copied().ok_or(Error::InvalidConstExpr)
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: ImportSectionReader<'_>) -> Outcome<()> {
        for import in section.into_imports() {
            let import = import?;
            if !matches!(import.ty, TypeRef::Func(_)) || self.takes() {
                self.parse_import(imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Outcome<()> {
        let first = self.next;
        for kind in section {
            let kind = self.type_index(kind?)?;
            if self.takes() {
                functions.function(kind);
            }
        }
        // The bodies follow in a section of their own, in the same order.
        self.next = first;
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> Outcome<()> {
        if (self.keeps)(export.name) {
            wasm_encoder::reencode::utils::parse_export(self, exports, export)?;
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Outcome<()> {
        for body in section {
            let body = body?;
            if self.takes() {
                self.parse_function_body(code, body)?;
            }
        }
        Ok(())
    }

    /// Names, producers and target features are for tools.
    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Outcome<()> {
        Ok(())
    }
}
