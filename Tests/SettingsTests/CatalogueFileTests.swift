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
        ("things: {}\n", "c.yaml:1: expected `entities:` with a mapping of names"),
    ])
    func mistakesAreNamedWithFileAndLine(_ yaml: String, _ message: String) {
        let error = #expect(throws: CatalogueError.self) { try CatalogueFile.parse(yaml, file: "c.yaml") }
        #expect(error?.description == message)
    }
}
