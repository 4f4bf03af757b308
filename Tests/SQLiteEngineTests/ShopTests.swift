// The embedded shop: stock that always adds up, indexes the planner uses, a newer schema refused, hooks that
// say whether they are in step.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct ShopTests {
    /// Stock that is not opening + purchased − sold, in thousandths.
    static let wrongStock = """
        WITH moved(variant_id, warehouse_id, q) AS (
          SELECT i.variant_id, d.warehouse_id, round(i.quantity * 1000) FROM purchase_items i
            JOIN purchases d ON d.id = i.purchase_id WHERE i.deleted_at IS NULL AND d.deleted_at IS NULL
          UNION ALL
          SELECT i.variant_id, d.warehouse_id, -round(i.quantity * 1000) FROM sale_items i
            JOIN sales d ON d.id = i.sale_id WHERE i.deleted_at IS NULL AND d.deleted_at IS NULL)
        SELECT s.variant_id || '@' || s.warehouse_id || ': ' || s.quantity FROM stocks s
        WHERE round(s.quantity * 1000) <> round(s.opening * 1000)
          + coalesce((SELECT sum(q) FROM moved m
              WHERE m.variant_id = s.variant_id AND m.warehouse_id = s.warehouse_id), 0)
        """

    @Test func stockIsOpeningPlusPurchasedMinusSoldWhateverIsWritten() throws {
        let fixture = try HookFixture()
        try fixture.write(
            """
            INSERT INTO products(id,business_id,name) VALUES(1,1,'p');
            INSERT INTO product_variants(id,business_id,product_id) VALUES(1,1,1),(2,1,1),(3,1,1);
            INSERT INTO warehouses(id,business_id,name) VALUES(1,1,'a'),(2,1,'b');
            INSERT INTO stocks(business_id,variant_id,warehouse_id,opening,quantity)
              VALUES(1,1,1,'10.500','10.500'),(1,2,1,'4.000','4.000');
            """)
        var random = SeededRandom(seed: 5)
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        var statements: [String] = []
        for step in 1...160 {
            let (kind, reference) = step % 2 == 0 ? ("sale", "sale_id") : ("purchase", "purchase_id")
            let document = number(1...8)
            let item = number(1...20)
            let quantity = "\(number(0...9)).\(number(100...999))"
            switch number(0...8) {
            case 0:
                statements.append(
                    "INSERT INTO \(kind)s(id,business_id,warehouse_id) VALUES(\(document),1,\(number(1...2))) "
                        + "ON CONFLICT(id) DO UPDATE SET warehouse_id=excluded.warehouse_id;")
            case 1...4:
                statements.append(
                    "INSERT INTO \(kind)_items(id,business_id,\(reference),variant_id,quantity) "
                        + "SELECT \(item),1,\(document),\(number(1...3)),'\(quantity)' "
                        + "WHERE EXISTS(SELECT 1 FROM \(kind)s WHERE id=\(document)) "
                        + "ON CONFLICT(id) DO UPDATE SET quantity=excluded.quantity, "
                        + "variant_id=excluded.variant_id;"
                )
            case 5: statements.append("UPDATE \(kind)_items SET deleted_at='x' WHERE id=\(item);")
            case 6: statements.append("UPDATE \(kind)_items SET deleted_at=NULL WHERE id=\(item);")
            case 7:
                statements.append(
                    "UPDATE \(kind)s SET deleted_at=CASE WHEN deleted_at IS NULL THEN 'x' END WHERE id=\(document);"
                )
            default:
                statements.append(
                    "DELETE FROM \(kind)\(number(0...1) == 0 ? "s WHERE id=\(document)" : "_items WHERE id=\(item)");"
                )
            }
            if step % 20 == 0 {
                try fixture.write(statements.joined(separator: "\n"))
                #expect(try fixture.one(Self.wrongStock) == nil, "\(statements)")
                statements = []
            }
        }
        #expect(try fixture.count("SELECT count(*) FROM stocks") > 2, "nothing moved")
        #expect(try fixture.differences().isEmpty)
    }

    @Test func openingsSmallPartsAndRenamedKeysAddUpToo() throws {
        let fixture = try HookFixture()
        try fixture.write(
            """
            INSERT INTO products(id,business_id,name) VALUES(1,1,'p');
            INSERT INTO product_variants(id,business_id,product_id) VALUES(1,1,1),(2,1,1);
            INSERT INTO warehouses(id,business_id,name) VALUES(1,1,'a');
            INSERT INTO stocks(business_id,variant_id,warehouse_id,opening) VALUES(1,1,1,'5.000');
            INSERT INTO sales(id,business_id,warehouse_id) VALUES(1,1,1);
            INSERT INTO sale_items(business_id,sale_id,variant_id,quantity)
              VALUES(1,1,1,'0.0004'),(1,1,1,'0.0004'),(1,1,1,'0.0004'),(1,1,1,'0.0004'),(1,1,1,'1.500');
            """)
        func stock() throws -> String? { try fixture.one("SELECT group_concat(quantity) FROM stocks") }
        #expect(try stock() == "3.500")
        try fixture.write("PRAGMA foreign_keys=ON; UPDATE product_variants SET id = 9 WHERE id = 1;")
        #expect(try fixture.one("SELECT variant_id || ':' || quantity FROM stocks") == "9:3.500")
        try fixture.write("UPDATE sales SET deleted_at='x';")
        #expect(try stock() == "5.000")
        #expect(try fixture.differences().isEmpty)
    }

    @Test func everySyncedTableHasItsIndexesAndThePlannerUsesThem() throws {
        let fixture = try HookFixture()
        try fixture.queue.read { db in
            for entity in fixture.catalogue.entities {
                for (suffix, column) in [
                    ("sync", "updated_at"), ("deleted", "deleted_at"), ("created", "created_at"),
                ] {
                    let plan = try Row.fetchAll(
                        db,
                        sql:
                            "EXPLAIN QUERY PLAN SELECT id FROM \(entity.table) WHERE business_id = 1 AND \(column) > 'x'"
                    ).map { $0["detail"] as String }.joined()
                    #expect(plan.contains("idx_\(entity.table)_\(suffix)"), "\(entity.name): \(plan)")
                }
            }
        }
    }

    @Test func aNewerSchemaIsRefusedInOneSentence() throws {
        let fixture = try HookFixture()
        try fixture.write("PRAGMA user_version = 99;")
        let error = #expect(throws: NewerSchema.self) { try fixture.shop.create() }
        #expect(error?.description.contains("schema 99") == true)
        #expect(error?.description.contains("\n") == false)
        #expect(throws: NewerSchema.self) { try fixture.shop.bringForward() }
    }

    @Test func aFileThatIsNoShopIsNotMadeOne() throws {
        let fixture = try AttachedFixture()
        let shop = ShopDatabase(file: fixture.file, catalogue: fixture.catalogue)
        try shop.bringForward()
        #expect(try fixture.one("SELECT name FROM sqlite_master WHERE name = 'businesses'") == nil)
    }

    /// A database of before the index of tombstones and the time in the state index.
    @Test func aGatewayBringsAnOlderJournalUpToDate() throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a'); DELETE FROM brands;")
        try fixture.write(
            """
            DROP TRIGGER tidings_apply; DROP INDEX tidings_state_dead; ALTER TABLE tidings_state DROP COLUMN at;
            UPDATE tidings_meta SET value = 1 WHERE key = 'schema';
            """)
        // Triggers as they were then: the one that is compared is made by hand.
        let old = JournalSchema.applyTrigger.replacing(", dead, at)", with: ", dead)")
            .replacing("NEW.op = 3, NEW.at)", with: "NEW.op = 3)").replacing(",\n    at = NEW.at", with: "")
        try fixture.write(old + ";")
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'b');")
        let epoch = try fixture.one("SELECT value FROM tidings_meta WHERE key='epoch'")
        let status = try fixture.shop.installer(try fixture.shop.file.open(.writer)).status()
        #expect(status.olderSchema == 1 && !status.isInStep)
        let keeper = HookKeeper(
            file: fixture.shop.file, catalogue: fixture.catalogue, writesVersionBack: true)
        _ = try keeper.verify()
        #expect(try fixture.shop.installer(try fixture.shop.file.open(.writer)).status().olderSchema == nil)
        #expect(
            try fixture.one("SELECT count(*) FROM sqlite_master WHERE name = 'tidings_state_dead'") == "1")
        #expect(try fixture.one("SELECT value FROM tidings_meta WHERE key='epoch'") == epoch)
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'c');")
        #expect(try fixture.one("SELECT count(*) FROM tidings_state WHERE at > 0") == "1")
        #expect(try fixture.one("SELECT count(*) FROM tidings_state WHERE dead = 0") == "2")
    }

    /// Another index than ours makes no hook differ: only the number tells.
    @Test func aMissingIndexOfTheJournalIsMadeByTheGateway() throws {
        let fixture = try HookFixture()
        try fixture.write(
            "DROP INDEX tidings_state_dead; UPDATE tidings_meta SET value = 2 WHERE key = 'schema';")
        #expect(
            try HookKeeper(
                file: fixture.shop.file, catalogue: fixture.catalogue, writesVersionBack: true
            ).verify() == [])
        #expect(
            try fixture.one("SELECT count(*) FROM sqlite_master WHERE name = 'tidings_state_dead'") == "1")
    }

    @Test func aJournalOfANewerTidingsIsLeftAlone() throws {
        let fixture = try HookFixture()
        try fixture.write(
            "UPDATE tidings_meta SET value = 99 WHERE key = 'schema'; DROP TRIGGER tidings_apply;")
        let installer = fixture.shop.installer(try fixture.shop.file.open(.writer))
        #expect(throws: NewerSchema.self) { try installer.status() }
        #expect(throws: NewerSchema.self) { try installer.restore() }
        let error = #expect(throws: NewerSchema.self) { try fixture.shop.file.requireKnownSchema() }
        #expect(error?.description.contains("schema 99") == true)
        #expect(try fixture.one("SELECT count(*) FROM sqlite_master WHERE name='tidings_apply'") == "0")
    }

    // MARK: Installing

    @Test func hooksSayWhetherTheyAreInStep() throws {
        let fixture = try HookFixture()
        let installer = fixture.shop.installer(try fixture.shop.file.open(.writer))
        #expect(try installer.status().isInStep)
        try fixture.write("DROP TRIGGER tidings_brands_u;")
        #expect(try installer.status().missing == ["tidings_brands_u"])
        try fixture.write(
            """
            DROP TRIGGER tidings_units_d;
            CREATE TRIGGER tidings_units_d AFTER DELETE ON units BEGIN SELECT 1; END;
            CREATE TRIGGER tidings_own AFTER DELETE ON units BEGIN SELECT 1; END;
            """)
        let status = try installer.status()
        #expect(status.different == ["tidings_units_d"] && status.surplus == ["tidings_own"])
        try installer.install()
        #expect(try installer.status().isInStep)
    }

    @Test func rowsThatWereThereBeforeAreAdoptedAsKnown() throws {
        let fixture = try HookFixture()
        let installer = fixture.shop.installer(try fixture.shop.file.open(.writer))
        try installer.remove()
        #expect(try fixture.count("SELECT count(*) FROM sqlite_master WHERE name LIKE 'tidings%'") == 0)
        #expect(try fixture.count("SELECT count(*) FROM sqlite_master WHERE name LIKE 'shop_sales%'") > 0)
        try fixture.write(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1300)
            INSERT INTO products(business_id,name,version) SELECT 1,'p'||i, i%5+1 FROM n;
            UPDATE products SET deleted_at='x' WHERE id%10=0;
            UPDATE products SET business_id=NULL WHERE id=1;
            """)
        try installer.install()
        #expect(try fixture.differences().isEmpty)
        #expect(try fixture.count("SELECT count(*) FROM tidings_journal WHERE op=5") == 1_169)
        #expect(try fixture.count("SELECT max(born) FROM tidings_state WHERE entity=1") == 0)
        let rows = try fixture.journalRows
        try installer.install()
        #expect(try fixture.journalRows == rows, "adopted once")
    }
}
