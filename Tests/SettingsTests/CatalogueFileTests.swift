// The catalogue: what the shipped one says, and mistakes named with file and line.

import Domain
import Foundation
import Testing

@testable import Settings

@Suite struct CatalogueFileTests {
    static let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "config/entities.yaml")

    @Test func theEmbeddedCatalogueIsTheFile() throws {
        let text = try String(contentsOf: Self.shipped, encoding: .utf8)
        #expect(EmbeddedCatalogue.yaml + "\n" == text, "run scripts/embed")
    }

    @Test func seventeenEntitiesElevenByDefault() throws {
        let catalogue = try CatalogueFile.embedded()
        #expect(catalogue.entities.count == 17)
        #expect(catalogue.defaultSet.count == 11)
        let variants = try #require(
            EntityName("variants").flatMap(catalogue.number(named:)).flatMap { catalogue[$0] })
        #expect(variants.table == "product_variants")
        let writable = catalogue.entities.filter { !$0.writable.isEmpty }.map(\.name.text)
        #expect(writable == ["products", "parties", "sales", "sale_items", "due_collects"])
        #expect(variants.fields.first { $0.name == "price" }?.cast == .decimalString)
    }

    @Test(arguments: [
        ("entities:\n  p:\n    number: 0\n", "c.yaml:3: p: `number` must be 1…63"),
        ("entities:\n  p:\n    number: 1\n  q:\n    number: 1\n", "c.yaml:4: q: number 1 belongs to p"),
        (
            "entities:\n  P:\n    number: 1\n",
            "c.yaml:2: an entity's name is lower case letters, digits and `_`"
        ),
        ("entities:\n  p:\n    number: 1\n    colour: red\n", "c.yaml:4: p: unknown key `colour`"),
        ("entities:\n  p:\n    number: 1\n    fields: [a, a]\n", "c.yaml:4: p: field `a` is there twice"),
        ("entities:\n  p:\n    number: 1\n    default: perhaps\n", "c.yaml:4: p: `default` is true or false"),
        (
            "entities:\n  p:\n    number: 1\n    fields: [a]\n    writable: {b: string}\n",
            "c.yaml:5: p: `b` is not one of its fields"
        ),
        (
            "entities:\n  p:\n    number: 1\n    fields: [a, version]\n    writable: {version: integer}\n",
            "c.yaml:4: p: `version` is the record's own; name it otherwise: `x: {column: version}`"
        ),
        (
            "entities:\n  p:\n    number: 1\n    fields: [a]\n    writable: {a: string|maximum:3}\n",
            "c.yaml:5: p.a: unknown rule `maximum:3`"
        ),
        (
            "entities:\n  p:\n    number: 1\n    fields: [a]\n    writable: {a: exists:q}\n",
            "c.yaml:1: p.a: `exists:q` names no entity"
        ),
        (
            "entities:\n  p:\n    number: 1\n    conflict: shout\n",
            "c.yaml:4: p: `conflict` is one of reject, last_write_wins, merge"
        ),
        ("things: {}\n", "c.yaml:1: expected `entities:` with a mapping of names"),
    ])
    func mistakesAreNamedWithFileAndLine(_ yaml: String, _ message: String) {
        let error = #expect(throws: CatalogueError.self) { try CatalogueFile.parse(yaml, file: "c.yaml") }
        #expect(error?.description == message)
    }
}
