"""Every catalog of PostgreSQL: how its rows are walked, and what is left out, each with its reason.

The law: a catalog is in ``WALKED`` or in ``LEFT_OUT``, and so is each column of a walked one. What a server has that is in
neither is named as unknown to this release and is not read: it could hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from daybreak.postgres.inventory.catalog import Catalog


def _in_schema(namespace: str, name: str) -> str:
    return f"pg_catalog.format('%s.%I', t.{namespace}::pg_catalog.regnamespace, t.{name})"


def _for_method(namespace: str, name: str, method: str, row: str = "t") -> str:
    """One of several access methods may have the same name."""
    known = f"(SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = {row}.{method})"
    return f"pg_catalog.format('%s.%I for %s', {row}.{namespace}::pg_catalog.regnamespace, {row}.{name}, {known})"


def _on_relation(relation: str, name: str) -> str:
    return f"pg_catalog.format('%s.%I', t.{relation}::pg_catalog.regclass, t.{name})"


def _plain(name: str) -> str:
    return f"pg_catalog.quote_ident(t.{name})"


def _in_family(family: str, number: str, left: str, right: str) -> str:
    name = _for_method("opfnamespace", "opfname", "opfmethod", "f")
    whole = f"(SELECT {name} FROM pg_catalog.pg_opfamily f WHERE f.oid = t.{family})"
    types = f"t.{left}::pg_catalog.regtype, t.{right}::pg_catalog.regtype"
    return f"pg_catalog.format('%s %s (%s, %s)', {whole}, t.{number}, {types})"


_LASTING = "t.{} NOT IN (SELECT oid FROM hidden)"
"""Nothing of a session's own temporary relations, and nothing of TOAST tables, which CLUSTER and VACUUM FULL make anew."""

_LASTING_SCHEMA = "t.{} NOT IN (SELECT oid FROM passing)"

_KEPT = "VACUUM, ANALYZE or CREATE INDEX keep it in place, without a transaction"
_LAZY = "it is set at once and cleared by a later VACUUM, so two right copies differ in it"
_REWRITTEN = "every rewrite of the table changes it, and a rewrite changes no data"
_SECRET = "it may hold a secret, so not even its digest is read"  # noqa: S105
_VERSIONS = "data.collations judges versions of collations"

PLAIN_OPTIONS = (
    "host", "hostaddr", "port", "dbname", "service", "application_name", "sslmode", "connect_timeout", "schema_name",
    "table_name", "column_name", "use_remote_estimate", "fdw_startup_cost", "fdw_tuple_cost", "extensions", "fetch_size",
    "batch_size", "async_capable", "updatable", "truncatable", "keep_connections", "parallel_commit", "parallel_abort",
    "analyze_sampling", "import_collate", "import_default", "import_generated", "import_not_null", "format", "header",
    "delimiter", "quote", "escape", "null", "encoding", "force_not_null", "force_null", "filename",
)  # fmt: skip
"""Options of foreign servers and tables that hold no secret. Of each other option only its name is read."""


def _options(column: str) -> str:
    listed = ", ".join(f"'{name}'" for name in PLAIN_OPTIONS)
    return (
        "(SELECT pg_catalog.string_agg(o.option_name || CASE WHEN o.option_name IN "
        f"({listed}) THEN '=' || coalesce(o.option_value, '') ELSE '' END, ',' ORDER BY o.option_name) "
        f"FROM pg_catalog.pg_options_to_table(t.{column}) o)"
    )


_MATTERS = (
    "(t.deptype IN ('e', 'x') OR (t.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.refclassid = t.classid"
    " AND t.objsubid = 0 AND t.refobjsubid > 0 AND t.deptype = 'a'"
    " AND t.objid IN (SELECT s.seqrelid FROM pg_catalog.pg_sequence s)))"
)
"""What belongs to an extension, and which column owns a sequence: such a row comes and goes while no other one changes."""


def _column(relation: str, number: str) -> str:
    return (
        f"CASE WHEN {number} > 0 THEN coalesce('.' || (SELECT pg_catalog.quote_ident(a.attname)"
        f" FROM pg_catalog.pg_attribute a WHERE a.attrelid = {relation} AND a.attnum = {number}), '') ELSE '' END"
    )


_REFERRED = (
    "CASE t.refclassid"
    + "".join(
        f" WHEN 'pg_catalog.{catalog}'::pg_catalog.regclass THEN t.refobjid::pg_catalog.{alias}::text"
        for catalog, alias in (("pg_class", "regclass"), ("pg_type", "regtype"), ("pg_proc", "regprocedure"),
                               ("pg_namespace", "regnamespace"), ("pg_operator", "regoperator"),
                               ("pg_collation", "regcollation"))
    )
    + " WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN"
    " (SELECT k.conname::text FROM pg_catalog.pg_constraint k WHERE k.oid = t.refobjid)"
    " ELSE (pg_catalog.pg_identify_object(t.refclassid, t.refobjid, 0)).identity END"
)  # fmt: skip
_CLASS = "(SELECT y.relname::text FROM pg_catalog.pg_class y WHERE y.oid = t.{})"
_RELATION = "'pg_class'::text"
_TYPE = "'pg_type'::text"

WALKED: Mapping[str, Catalog] = MappingProxyType({
    "pg_aggregate": Catalog(
        "aggkind aggnumdirectargs aggtransfn aggfinalfn aggcombinefn aggserialfn aggdeserialfn aggmtransfn aggminvtransfn"
        " aggmfinalfn aggfinalextra aggmfinalextra aggfinalmodify aggmfinalmodify aggsortop aggtranstype aggtransspace"
        " aggmtranstype aggmtransspace agginitval aggminitval",
        owner="'pg_proc'::text", number="t.aggfnoid::pg_catalog.oid", aspect="aggregate", identifies="aggfnoid",
    ),
    "pg_am": Catalog("amname amhandler amtype", _plain("amname"), identifies="oid"),
    "pg_amop": Catalog(
        "amoplefttype amoprighttype amopstrategy amoppurpose amopopr amopmethod amopsortfamily",
        _in_family("amopfamily", "amopstrategy", "amoplefttype", "amoprighttype"),
        identifies="oid amopfamily",
    ),
    "pg_amproc": Catalog(
        "amproclefttype amprocrighttype amprocnum amproc",
        _in_family("amprocfamily", "amprocnum", "amproclefttype", "amprocrighttype"),
        identifies="oid amprocfamily",
    ),
    "pg_attrdef": Catalog(
        "adnum adbin", owner=_RELATION, number="t.adrelid", aspect="defaults of columns", identifies="oid adrelid",
        place=_LASTING.format("adrelid"),
    ),
    "pg_attribute": Catalog(
        "attname atttypid attlen attnum atttypmod attndims attbyval attalign attnotnull atthasdef attidentity attgenerated"
        " attisdropped attislocal attinhcount attcollation",
        owner=_RELATION, number="t.attrelid", aspect="columns", identifies="attrelid",
        aspects={
            "attstorage": "storage of columns", "attcompression": "compression of columns",
            "attstattarget": "statistics targets of columns", "attacl": "privileges on columns",
            "attoptions": "options of columns", "attfdwoptions": "options of a foreign table's columns",
        },
        left_out={
            "attcacheoff": "it means nothing on disk",
            "atthasmissing": "a rewrite of the table puts the value into the rows, which data.content reads",
            "attmissingval": "a rewrite of the table puts the value into the rows, which data.content reads",
        },
        spelled={
            # What is usual is said by silence: most columns have it.
            "attstorage": "CASE WHEN t.attlen = -1 THEN NULLIF(t.attstorage::text, 'x') ELSE NULLIF(t.attstorage::text, 'p') END",
            "attcompression": "NULLIF(t.attcompression::text, '')",
            "attstattarget": "NULLIF(t.attstattarget, -1)",
            "attfdwoptions": _options("attfdwoptions"),
        },
        within="attnum",
        place="t.attnum > 0 AND " + _LASTING.format("attrelid"),
    ),
    "pg_auth_members": Catalog(
        "admin_option inherit_option set_option",
        number="t.member", owner="'pg_authid'::text", key="t.roleid || ' ' || t.member || ' ' || t.grantor",
        label="' in ' || t.roleid::pg_catalog.regrole || ' by ' || t.grantor::pg_catalog.regrole",
        identifies="oid roleid member grantor", place="t.member NOT IN (SELECT oid FROM agents)",
    ),
    "pg_authid": Catalog(
        "rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication rolbypassrls rolconnlimit rolvaliduntil",
        _plain("rolname"), identifies="oid rolname", left_out={"rolpassword": _SECRET},
        table="pg_roles", has_xmin=False, place="t.oid NOT IN (SELECT oid FROM agents)",
    ),
    "pg_cast": Catalog(
        "castfunc castcontext castmethod",
        "pg_catalog.format('(%s AS %s)', t.castsource::pg_catalog.regtype, t.casttarget::pg_catalog.regtype)",
        identifies="oid castsource casttarget",
    ),
    "pg_class": Catalog(
        "relname relnamespace reltype reloftype relam reltablespace relisshared relpersistence relkind relnatts relchecks"
        " relrowsecurity relforcerowsecurity relispopulated relreplident relispartition relpartbound",
        _in_schema("relnamespace", "relname"), identifies="oid", place=_LASTING.format("oid"),
        aspects={
            "relowner": "owner", "relacl": "privileges", "reloptions": "options", "reltoastrelid": "options of its TOAST table",
        },
        left_out={
            "relpages": _KEPT, "reltuples": _KEPT, "relallvisible": _KEPT, "relallfrozen": _KEPT, "relfrozenxid": _KEPT,
            "relminmxid": _KEPT, "relhasindex": _LAZY, "relhasrules": _LAZY, "relhastriggers": _LAZY, "relhassubclass": _LAZY,
            "relfilenode": _REWRITTEN, "relrewrite": "it is only set while a table is rewritten",
        },
        spelled={
            "reltoastrelid": "(SELECT x.reloptions::text FROM pg_catalog.pg_class x WHERE x.oid = t.reltoastrelid)",
        },
    ),
    "pg_collation": Catalog(
        "collname collnamespace collprovider collencoding collcollate collctype colllocale colliculocale collicurules",
        _in_schema("collnamespace", "collname")
        + " || CASE WHEN t.collencoding >= 0 THEN ' for ' || pg_catalog.pg_encoding_to_char(t.collencoding) ELSE '' END",
        identifies="oid",
        aspects={"collowner": "owner", "collisdeterministic": "determinism"},
        left_out={"collversion": _VERSIONS},
    ),
    "pg_constraint": Catalog(
        "conname connamespace contype condeferrable condeferred conenforced convalidated conrelid contypid conindid conparentid"
        " confrelid confupdtype confdeltype confmatchtype conislocal coninhcount connoinherit conperiod conkey confkey conpfeqop"
        " conppeqop conffeqop confdelsetcols conexclop conbin",
        "CASE WHEN t.conrelid <> 0 THEN " + _on_relation("conrelid", "conname")
        + " ELSE pg_catalog.format('%s.%I', t.contypid::pg_catalog.regtype, t.conname) END",
        owner="CASE WHEN t.contype = 'n' AND t.conrelid <> 0 THEN 'pg_class' ELSE 'pg_constraint' END",
        number="CASE WHEN t.contype = 'n' AND t.conrelid <> 0 THEN t.conrelid ELSE t.oid END",
        identifies="oid", place=_LASTING_SCHEMA.format("connamespace"),
    ),
    "pg_conversion": Catalog(
        "conname connamespace conforencoding contoencoding conproc condefault",
        _in_schema("connamespace", "conname"), identifies="oid", aspects={"conowner": "owner"},
    ),
    "pg_database": Catalog(
        "encoding datlocprovider datistemplate datallowconn datconnlimit dattablespace datcollate datctype datlocale"
        " daticulocale daticurules",
        "'itself'::text", identifies="oid datname", has_built_in=False, is_of_database=True, aspects={"datdba": "owner", "datacl": "privileges"},
        left_out={
            "datfrozenxid": _KEPT, "datminmxid": _KEPT, "dathasloginevt": "the next login clears it without a transaction",
            "datcollversion": _VERSIONS,
        },
        place="t.datname = pg_catalog.current_database()",
    ),
    "pg_default_acl": Catalog(
        "defaclacl",
        "pg_catalog.format('%s of %s in %s', t.defaclobjtype, t.defaclrole::pg_catalog.regrole,"
        " t.defaclnamespace::pg_catalog.regnamespace)",
        identifies="oid defaclrole defaclnamespace defaclobjtype", aspect="privileges",
    ),
    "pg_depend": Catalog(
        "objsubid refclassid refobjid refobjsubid deptype",
        owner=_CLASS.format("classid"), number="t.objid",
        identifies="classid objid", aspect="dependencies",
        key="CASE WHEN " + _MATTERS + " THEN t.classid || ' ' || t.objid || ' ' || t.refclassid || ' ' || t.refobjid || ' '"
            " || t.refobjsubid || ' ' || t.deptype::text END",
        label="CASE WHEN t.deptype = 'e' THEN ' belongs to extension ' WHEN t.deptype = 'x' THEN ' depends on extension '"
              " ELSE ' owned by ' END || CASE WHEN t.deptype IN ('e', 'x') THEN (SELECT e.extname::text FROM"
              " pg_catalog.pg_extension e WHERE e.oid = t.refobjid) ELSE (SELECT pg_catalog.format('%s.%I',"
              " a.attrelid::pg_catalog.regclass, a.attname) FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.refobjid"
              " AND a.attnum = t.refobjsubid) END",
        named={"refobjid": _REFERRED},
        place="NOT (t.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.objid IN (SELECT oid FROM hidden))",
    ),
    "pg_description": Catalog(
        "description", owner=_CLASS.format("classoid"), number="t.objoid",
        key="t.classoid || ' ' || t.objoid || ' ' || t.objsubid", label=_column("t.objoid", "t.objsubid"),
        identifies="objoid classoid objsubid", aspect="comment",
        place="NOT (t.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.objoid IN (SELECT oid FROM hidden))",
    ),
    "pg_enum": Catalog(
        "enumsortorder enumlabel", owner=_TYPE, number="t.enumtypid", aspect="labels", identifies="oid enumtypid"
    ),
    "pg_event_trigger": Catalog(
        "evtname evtevent evtfoid evtenabled evttags", _plain("evtname"), identifies="oid",
        aspects={"evtowner": "owner"}, place="t.evtowner NOT IN (SELECT oid FROM agents)",
    ),
    "pg_extension": Catalog(
        "extname extnamespace extrelocatable extversion extconfig extcondition", _plain("extname"), identifies="oid",
        aspects={"extowner": "owner"},
    ),
    "pg_foreign_data_wrapper": Catalog(
        "fdwname fdwhandler fdwvalidator", _plain("fdwname"), identifies="oid",
        aspects={"fdwowner": "owner", "fdwacl": "privileges", "fdwoptions": "options"},
        spelled={"fdwoptions": _options("fdwoptions")},
    ),
    "pg_foreign_server": Catalog(
        "srvname srvfdw srvtype srvversion", _plain("srvname"), identifies="oid",
        aspects={"srvowner": "owner", "srvacl": "privileges", "srvoptions": "options"},
        spelled={"srvoptions": _options("srvoptions")},
    ),
    "pg_foreign_table": Catalog(
        "ftserver", owner=_RELATION, number="t.ftrelid", aspect="foreign server", identifies="ftrelid",
        aspects={"ftoptions": "options of a foreign table"}, spelled={"ftoptions": _options("ftoptions")},
    ),
    "pg_index": Catalog(
        "indrelid indnatts indnkeyatts indisunique indnullsnotdistinct indisprimary indisexclusion indimmediate indisvalid"
        " indisready indislive indisreplident indkey indcollation indclass indoption indexprs indpred",
        owner=_RELATION, number="t.indexrelid", aspect="index", identifies="indexrelid", place=_LASTING.format("indexrelid"),
        left_out={
            "indcheckxmin": "CREATE INDEX sets it for its time, and REINDEX clears it",
            "indisclustered": "CLUSTER sets it, and it says only by which index the next one sorts",
        },
    ),
    "pg_inherits": Catalog(
        "inhparent inhseqno inhdetachpending", owner=_RELATION, number="t.inhrelid", aspect="parents", identifies="inhrelid",
        place=_LASTING.format("inhrelid"),
    ),
    "pg_init_privs": Catalog(
        "privtype initprivs", owner=_CLASS.format("classoid"),
        number="t.objoid", key="t.classoid || ' ' || t.objoid || ' ' || t.objsubid",
        label=_column("t.objoid", "t.objsubid"), identifies="objoid classoid objsubid", aspect="privileges",
    ),
    "pg_language": Catalog(
        "lanname lanispl lanpltrusted lanplcallfoid laninline lanvalidator", _plain("lanname"), identifies="oid",
        aspects={"lanowner": "owner", "lanacl": "privileges"},
    ),
    "pg_largeobject_metadata": Catalog(
        "", "t.oid::text", identifies="oid", has_built_in=False, aspects={"lomowner": "owner", "lomacl": "privileges"}
    ),
    "pg_namespace": Catalog(
        "nspname", _plain("nspname"), identifies="oid", aspects={"nspowner": "owner", "nspacl": "privileges"},
        place=_LASTING_SCHEMA.format("oid"),
    ),
    "pg_opclass": Catalog(
        "opcmethod opcname opcnamespace opcfamily opcintype opcdefault opckeytype",
        _for_method("opcnamespace", "opcname", "opcmethod"), identifies="oid", aspects={"opcowner": "owner"},
    ),
    "pg_operator": Catalog(
        "oprname oprnamespace oprkind oprcanmerge oprcanhash oprleft oprright oprresult oprcom oprnegate oprcode oprrest oprjoin",
        "pg_catalog.format('%s.%s(%s, %s)', t.oprnamespace::pg_catalog.regnamespace, t.oprname, t.oprleft::pg_catalog.regtype,"
        " t.oprright::pg_catalog.regtype)",
        identifies="oid", aspects={"oprowner": "owner"},
    ),
    "pg_opfamily": Catalog(
        "opfmethod opfname opfnamespace", _for_method("opfnamespace", "opfname", "opfmethod"), identifies="oid",
        aspects={"opfowner": "owner"},
    ),
    "pg_parameter_acl": Catalog("paracl", "t.parname", identifies="oid parname", aspect="privileges"),
    "pg_partitioned_table": Catalog(
        "partstrat partnatts partdefid partattrs partclass partcollation partexprs", owner=_RELATION, number="t.partrelid",
        aspect="partition key", identifies="partrelid",
    ),
    "pg_policy": Catalog(
        "polname polrelid polcmd polpermissive polroles polqual polwithcheck", _on_relation("polrelid", "polname"),
        identifies="oid", place=_LASTING.format("polrelid"),
    ),
    "pg_proc": Catalog(
        "proname pronamespace prolang procost prorows provariadic prosupport prokind prosecdef proleakproof proisstrict"
        " proretset provolatile proparallel pronargs pronargdefaults prorettype proargtypes proallargtypes proargmodes"
        " proargnames proargdefaults protrftypes prosrc probin prosqlbody proconfig",
        "pg_catalog.format('%s.%I(%s)', t.pronamespace::pg_catalog.regnamespace, t.proname,"
        " pg_catalog.oidvectortypes(t.proargtypes))",
        identifies="oid", aspects={"proowner": "owner", "proacl": "privileges"},
        place=_LASTING_SCHEMA.format("pronamespace"),
    ),
    "pg_publication": Catalog(
        "pubname puballtables pubinsert pubupdate pubdelete pubtruncate pubviaroot", _plain("pubname"), identifies="oid",
        aspects={"pubowner": "owner", "pubgencols": "generated columns"},
    ),
    "pg_publication_namespace": Catalog(
        "pnpubid pnnspid",
        "pg_catalog.format('%s: %s', (SELECT p.pubname FROM pg_catalog.pg_publication p WHERE p.oid = t.pnpubid),"
        " t.pnnspid::pg_catalog.regnamespace)",
        identifies="oid",
    ),
    "pg_publication_rel": Catalog(
        "prpubid prrelid prqual prattrs",
        "pg_catalog.format('%s: %s', (SELECT p.pubname FROM pg_catalog.pg_publication p WHERE p.oid = t.prpubid),"
        " t.prrelid::pg_catalog.regclass)",
        identifies="oid",
    ),
    "pg_range": Catalog(
        "rngsubtype rngmultitypid rngcollation rngsubopc rngcanonical rngsubdiff", owner=_TYPE, number="t.rngtypid",
        aspect="range", identifies="rngtypid",
    ),
    "pg_replication_origin": Catalog(
        "roident", number="0", has_built_in=False, owner="''::text", key="t.roname", label="t.roname", identifies="roname"
    ),
    "pg_rewrite": Catalog(
        "rulename ev_class ev_type ev_enabled is_instead ev_qual ev_action", _on_relation("ev_class", "rulename"),
        owner="CASE WHEN t.rulename = '_RETURN' THEN 'pg_class' ELSE 'pg_rewrite' END",
        number="CASE WHEN t.rulename = '_RETURN' THEN t.ev_class ELSE t.oid END", aspect="rule", identifies="oid",
        place=_LASTING.format("ev_class"),
    ),
    "pg_seclabel": Catalog(
        "label", owner=_CLASS.format("classoid"), number="t.objoid",
        key="t.classoid || ' ' || t.objoid || ' ' || t.objsubid || ' ' || t.provider",
        label=_column("t.objoid", "t.objsubid") + " || ' by ' || t.provider",
        identifies="objoid classoid objsubid provider", aspect="label",
    ),
    "pg_sequence": Catalog(
        "seqtypid seqstart seqincrement seqmax seqmin seqcache seqcycle", owner=_RELATION, number="t.seqrelid",
        aspect="sequence", identifies="seqrelid", place=_LASTING.format("seqrelid"),
    ),
    "pg_shdescription": Catalog(
        "description", owner=_CLASS.format("classoid"), number="t.objoid",
        key="t.classoid || ' ' || t.objoid", identifies="objoid classoid", aspect="comment",
    ),
    "pg_shseclabel": Catalog(
        "label", owner=_CLASS.format("classoid"), number="t.objoid",
        key="t.classoid || ' ' || t.objoid || ' ' || t.provider", label="' by ' || t.provider",
        identifies="objoid classoid provider", aspect="label",
    ),
    "pg_statistic_ext": Catalog(
        "stxrelid stxname stxnamespace stxkeys stxkind stxexprs", _in_schema("stxnamespace", "stxname"), identifies="oid",
        aspects={"stxowner": "owner", "stxstattarget": "statistics target"}, place=_LASTING.format("stxrelid"),
    ),
    "pg_subscription": Catalog(
        "subbinary substream subtwophasestate subdisableonerr subpasswordrequired subrunasowner subfailover subslotname"
        " subsynccommit subpublications suborigin",
        _plain("subname"), identifies="oid subdbid subname", aspects={"subowner": "owner"},
        left_out={
            "subconninfo": _SECRET, "subskiplsn": "the subscription's worker clears it",
            "subenabled": "data.subscriptions judges it, and whoever keeps a clone quiet switches it off",
        },
        has_xmin=False, is_of_database=True,
        place="t.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())",
    ),
    "pg_subscription_rel": Catalog(
        "", owner="'pg_subscription'::text", number="t.srsubid", key="t.srsubid || ' ' || t.srrelid",
        label="': ' || t.srrelid::pg_catalog.regclass", identifies="srsubid srrelid",
        left_out={
            "srsubstate": "the subscription's workers keep it", "srsublsn": "the subscription's workers keep it",
        },
    ),
    "pg_tablespace": Catalog(
        "spcname spcoptions", _plain("spcname"), identifies="oid",
        aspects={"spcowner": "owner", "spcacl": "privileges"},
    ),
    "pg_transform": Catalog(
        "trffromsql trftosql",
        "pg_catalog.format('for %s, language %s', t.trftype::pg_catalog.regtype,"
        " (SELECT l.lanname FROM pg_catalog.pg_language l WHERE l.oid = t.trflang))",
        identifies="oid trftype trflang",
    ),
    "pg_trigger": Catalog(
        "tgrelid tgparentid tgname tgfoid tgtype tgenabled tgisinternal tgconstrrelid tgconstrindid tgconstraint tgdeferrable"
        " tginitdeferred tgnargs tgattr tgargs tgqual tgoldtable tgnewtable",
        _on_relation("tgrelid", "tgname"),
        owner="CASE WHEN t.tgisinternal AND t.tgconstraint <> 0 THEN 'pg_constraint' ELSE 'pg_trigger' END",
        number="CASE WHEN t.tgisinternal AND t.tgconstraint <> 0 THEN t.tgconstraint ELSE t.oid END",
        aspect="trigger", identifies="oid", place=_LASTING.format("tgrelid"),
    ),
    "pg_ts_config": Catalog(
        "cfgname cfgnamespace cfgparser", _in_schema("cfgnamespace", "cfgname"), identifies="oid",
        aspects={"cfgowner": "owner"},
    ),
    "pg_ts_config_map": Catalog(
        "mapdict", owner="'pg_ts_config'::text", number="t.mapcfg",
        key="t.mapcfg || ' ' || t.maptokentype || ' ' || t.mapseqno",
        label="' for token type ' || t.maptokentype || ', number ' || t.mapseqno", aspect="dictionary",
        identifies="mapcfg maptokentype mapseqno",
    ),
    "pg_ts_dict": Catalog(
        "dictname dictnamespace dicttemplate dictinitoption", _in_schema("dictnamespace", "dictname"), identifies="oid",
        aspects={"dictowner": "owner"},
    ),
    "pg_ts_parser": Catalog(
        "prsname prsnamespace prsstart prstoken prsend prsheadline prslextype", _in_schema("prsnamespace", "prsname"),
        identifies="oid",
    ),
    "pg_ts_template": Catalog(
        "tmplname tmplnamespace tmplinit tmpllexize", _in_schema("tmplnamespace", "tmplname"), identifies="oid"
    ),
    "pg_type": Catalog(
        "typname typnamespace typlen typbyval typtype typcategory typispreferred typisdefined typdelim typrelid typsubscript"
        " typelem typarray typinput typoutput typreceive typsend typmodin typmodout typanalyze typalign typstorage typnotnull"
        " typbasetype typtypmod typndims typcollation typdefaultbin typdefault",
        _in_schema("typnamespace", "typname"),
        join="LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid",
        owner="CASE WHEN coalesce(e.typrelid, t.typrelid) <> 0 THEN 'pg_class' ELSE 'pg_type' END",
        number="CASE WHEN coalesce(e.typrelid, t.typrelid) <> 0 THEN coalesce(e.typrelid, t.typrelid)"
               " ELSE coalesce(e.oid, t.oid) END",
        aspect="type", aspects={"typowner": "owner", "typacl": "privileges"}, identifies="oid", within="typname",
        place=_LASTING_SCHEMA.format("typnamespace"),
    ),
    "pg_user_mapping": Catalog(
        "umoptions",
        "pg_catalog.format('%s for %s', t.srvname, CASE WHEN t.umuser = 0 THEN 'everybody' ELSE t.usename END)",
        number="t.umid", identifies="oid umuser umserver", aspect="options", table="pg_user_mappings", has_xmin=False,
        spelled={
            "umoptions": "(SELECT pg_catalog.string_agg(o.option_name, ',' ORDER BY o.option_name)"
                         " FROM pg_catalog.pg_options_to_table(t.umoptions) o)",
        },
    ),
})  # fmt: skip
"""Every catalog that is walked, in the order of their names."""

LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "pg_db_role_setting": "the items of the kind setting have each setting, without those that may hold a secret",
        "pg_largeobject": "it is data: only what may read a large object may read its pages, at full depth",
        "pg_shdepend": "the server keeps it from the owners and privileges that are walked, and it holds other databases' rows",
        "pg_statistic": "ANALYZE keeps it, and every sample is another",
        "pg_statistic_ext_data": "ANALYZE keeps it, and every sample is another",
    }
)
"""Every catalog that is not walked, with the reason."""
