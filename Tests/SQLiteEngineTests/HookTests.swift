// Every kind of write, by the sqlite3 shell and by Python with recursive triggers off and on: the journal
// tells it, the state index has it, the fold counts it.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct HookTests {
    typealias Case = (name: String, sql: String)

    /// What is there before each case.
    static let before = """
        INSERT INTO products(id,business_id,name,sku,version) VALUES(1,1,'a','s1',1),(2,1,'b','s2',1),(3,1,'c','s3',1),(4,2,'d','s4',1);
        INSERT INTO categories(id,business_id,name) VALUES(1,1,'top');
        INSERT INTO categories(id,business_id,name,parent_id) VALUES(2,1,'sub',1);
        INSERT INTO product_variants(id,business_id,product_id,name,sku) VALUES(1,1,1,'v','v1'),(2,1,2,'w','v2');
        UPDATE products SET category_id=1 WHERE id=1;
        """

    static let cases: [Case] = [
        ("insert", "INSERT INTO products(business_id,name) VALUES(1,'x');"),
        ("insert of many", "INSERT INTO products(business_id,name) SELECT 1,'m'||id FROM products;"),
        ("update", "UPDATE products SET name='z' WHERE id=1;"),
        ("bulk update", "UPDATE products SET price='3.00';"),
        ("soft delete", "UPDATE products SET deleted_at='2026-01-01' WHERE id=1;"),
        (
            "restore",
            "UPDATE products SET deleted_at='x' WHERE id=1; UPDATE products SET deleted_at=NULL WHERE id=1;"
        ),
        (
            "change while deleted",
            "UPDATE products SET deleted_at='x' WHERE id=1; UPDATE products SET name='q' WHERE id=1;"
        ),
        ("hard delete", "DELETE FROM products WHERE id=3;"),
        ("delete everything", "DELETE FROM product_variants; DELETE FROM products;"),
        (
            "re-creation",
            "DELETE FROM products WHERE id=3; INSERT INTO products(id,business_id,name) VALUES(3,1,'again');"
        ),
        ("key change", "UPDATE products SET id=30 WHERE id=3;"),
        ("key change with children", "UPDATE products SET id=10 WHERE id=1;"),
        ("key change by its other name", "UPDATE products SET rowid=30 WHERE id=3;"),
        ("replace by the key's other name", "UPDATE OR REPLACE products SET _rowid_=3, oid=3 WHERE id=4;"),
        ("key shift", "UPDATE products SET id=id+100 WHERE id IN (3,4);"),
        ("chained key shift", "UPDATE products SET id=5 WHERE id=4; UPDATE products SET id=4 WHERE id=3;"),
        ("business change", "UPDATE products SET business_id=2 WHERE id=3;"),
        (
            "business change and back",
            "UPDATE products SET business_id=2 WHERE id=3; UPDATE products SET business_id=1 WHERE id=3;"
        ),
        ("to nobody", "UPDATE products SET business_id=NULL WHERE id=3;"),
        (
            "from nobody",
            "INSERT INTO products(id,name) VALUES(9,'n'); UPDATE products SET business_id=1 WHERE id=9;"
        ),
        (
            "insert of nobody's",
            "INSERT INTO products(name) VALUES('n'); INSERT OR IGNORE INTO products(name) VALUES('n');"
        ),
        (
            "upsert on the key",
            "INSERT INTO products(id,business_id,name) VALUES(1,1,'u') ON CONFLICT(id) DO UPDATE SET name='u';"
        ),
        (
            "upsert on a unique key",
            "INSERT INTO products(business_id,name,sku) VALUES(1,'u','s2') ON CONFLICT(business_id,sku) DO UPDATE SET name='u';"
        ),
        (
            "upsert doing nothing",
            "INSERT INTO products(business_id,name,sku) VALUES(1,'u','s2') ON CONFLICT DO NOTHING;"
        ),
        ("replace through the key", "INSERT OR REPLACE INTO products(id,business_id,name) VALUES(3,1,'r');"),
        (
            "replace through a unique key",
            "INSERT OR REPLACE INTO products(id,business_id,name,sku) VALUES(50,1,'r','s3');"
        ),
        (
            "replace through both",
            "INSERT OR REPLACE INTO products(id,business_id,name,sku) VALUES(4,1,'r','s3');"
        ),
        (
            "update or replace",
            "UPDATE OR REPLACE products SET sku='s3' WHERE id=4; UPDATE OR REPLACE products SET business_id=1 WHERE id=4;"
        ),
        ("update or replace of the key", "UPDATE OR REPLACE products SET id=3 WHERE id=4;"),
        (
            "insert or ignore",
            "INSERT OR IGNORE INTO products(id,business_id,name) VALUES(1,1,'i'),(77,1,'i');"
        ),
        ("update or ignore", "UPDATE OR IGNORE products SET sku='s1' WHERE business_id=1;"),
        ("insert or fail", "INSERT OR FAIL INTO products(id,business_id,name) VALUES(78,1,'i');"),
        ("insert or abort", "INSERT OR ABORT INTO products(id,business_id,name) VALUES(79,1,'i');"),
        ("rollback", "BEGIN; UPDATE products SET name='gone'; DELETE FROM products WHERE id=3; ROLLBACK;"),
        (
            "savepoint",
            "BEGIN; UPDATE products SET name='kept'; SAVEPOINT s; DELETE FROM products WHERE id=3; ROLLBACK TO s; RELEASE s; COMMIT;"
        ),
        ("cascade", "DELETE FROM product_variants WHERE id=2; DELETE FROM products WHERE id=1;"),
        ("set null", "DELETE FROM categories WHERE id=1;"),
        (
            "several tables at once",
            "BEGIN; UPDATE products SET name='t'; UPDATE categories SET name='t'; DELETE FROM product_variants; COMMIT;"
        ),
        (
            "version by the writer",
            "UPDATE products SET name='v', version=version+1 WHERE id=1; UPDATE products SET version=40 WHERE id=2; UPDATE products SET name='w', version=3 WHERE id=2;"
        ),
    ]

    @Test(arguments: HookFixture.Writer.allCases)
    func everyKindOfWriteIsTold(_ writer: HookFixture.Writer) throws {
        for (name, sql) in Self.cases {
            let fixture = try HookFixture()
            try fixture.write(Self.before)
            try fixture.write(sql, by: writer)
            let wrong = try fixture.differences()
            #expect(wrong.isEmpty, "\(name) by \(writer): \(wrong)")
        }
    }

    @Test(arguments: [
        "UPDATE products SET name=name, price=price;", "UPDATE products SET id=id WHERE id=1;",
        "UPDATE categories SET parent_id=parent_id;", "UPDATE products SET version=version;",
    ])
    func whatChangesNothingVisibleLeavesNoTrace(_ sql: String) throws {
        let fixture = try HookFixture()
        try fixture.write(Self.before)
        let rows = try fixture.journalRows
        try fixture.write(sql)
        #expect(try fixture.journalRows == rows)
    }

    @Test func theWriterIsNotDisturbed() throws {
        let fixture = try HookFixture()
        let said = try fixture.write(
            """
            INSERT INTO products(id,business_id,name) VALUES(41,1,'a');
            SELECT last_insert_rowid(), changes();
            UPDATE products SET name='b';
            SELECT changes();
            INSERT INTO products(business_id,name) VALUES(1,'c') RETURNING id;
            """)
        #expect(said == "41|1\n1\n42")
    }

    @Test func versionsGrowOverDeathsAndOverBusinesses() throws {
        let fixture = try HookFixture()
        try fixture.write(
            """
            INSERT INTO brands(id,business_id,name) VALUES(1,1,'a');
            DELETE FROM brands;
            INSERT INTO brands(id,business_id,name,version) VALUES(1,1,'b',1);
            UPDATE brands SET business_id=2;
            """)
        let versions = try fixture.one(
            "SELECT group_concat(op||':'||business||':'||version) FROM (SELECT * FROM "
                + "tidings_journal ORDER BY seq)")
        // The last two by triggers of one statement, which may run in any order.
        let orders = ["1:1:1,3:1:2,4:1:3,3:1:4,1:2:5", "1:1:1,3:1:2,4:1:3,1:2:4,3:1:4"]
        #expect(orders.contains(versions ?? ""))
        let served = try fixture.count("SELECT version FROM tidings_state WHERE business=2")
        #expect(try fixture.count("SELECT version FROM brands") == served, "written back")
    }

    /// A hook that scans costs every writer of a large table 15 ms a row.
    @Test func noHookScans() throws {
        let fixture = try HookFixture()
        let hooks = HookGenerator(writesVersionBack: true).hooks(of: fixture.catalogue)
        var checked = 0
        try fixture.queue.read { db in
            for hook in hooks {
                for statement in Self.statements(hook) {
                    let plan = try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(statement)").map {
                        $0["detail"] as String
                    }
                    let scans = plan.filter {
                        $0.hasPrefix("SCAN ") && !$0.contains("CONSTANT") && $0 != "SCAN x"
                            && !$0.contains("tidings_suspect")
                    }
                    #expect(scans.isEmpty, "\(hook.name): \(scans)\n\(statement)")
                    checked += 1
                }
            }
        }
        #expect(checked > 100)
    }

    /// The statements of a body with values in place of NEW and OLD.
    private static func statements(_ hook: Hook) -> [String] {
        guard let begin = hook.sql.range(of: "BEGIN\n"),
            let end = hook.sql.range(of: "\nEND", options: .backwards)
        else {
            return []
        }
        return hook.sql[begin.upperBound..<end.lowerBound].components(separatedBy: ";\n").map { statement in
            statement.replacingOccurrences(of: ";", with: "").replacingOccurrences(
                of: #"\b(NEW|OLD)\.("[a-z_]+"|[a-z_]+)"#, with: "7", options: .regularExpression)
        }
    }
}
