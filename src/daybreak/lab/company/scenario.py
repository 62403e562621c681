"""The account of the runbook, built over the wire as a customer would: networks, key, cluster, secret, DNS, sample data.

The law: no back door. boto3 and SQL make everything, so the building itself tests the lab. Only the provider's superuser
creates the extensions: RDS lets its master create them, an unpatched PostgreSQL does not.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from importlib.resources import files
from typing import Any

import psycopg

from daybreak.errors import Failed
from daybreak.lab.access.keys import Keys, write_private
from daybreak.lab.company import surroundings
from daybreak.lab.company.names import (
    APPLICATION,
    APPLICATION_SECRET,
    CLUSTER,
    CLUSTER_SETTINGS,
    DATABASE,
    ENDPOINT_PARAMETER,
    INSTANCE_PARAMETERS,
    INSTANCE_SETTINGS,
    KEY_ALIAS,
    OWNER,
    PARAMETERS,
    PRIMARY,
    RECOVERY,
    SECRET,
    STATIC,
    TAGS,
    Place,
)
from daybreak.lab.lab import Lab
from daybreak.lab.protocol.boto import make_client
from daybreak.lab.remote import connection_proof


def build(lab: Lab) -> None:
    """Fill the empty account of a lab."""
    account = _Account(lab.server.url, lab.world.account, lab.keys)
    password, application = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    with ThreadPoolExecutor(4) as pool:
        parameters = pool.submit(account.create_parameters)  # asks PostgreSQL for its settings, which takes a second
        network = pool.submit(account.build_network, PRIMARY)
        roles = pool.submit(surroundings.make_roles, account.here, lab.world.account)
        others: list[Future[Any]] = [
            pool.submit(account.build_network, RECOVERY),
            pool.submit(account.build_buckets),
            pool.submit(surroundings.scale_readers, account.here, CLUSTER),
        ]
        group, key = network.result()
        account.create_cluster(password, group, key, parameters.result())
        endpoint, port = account.create_instances()

        def let_them_in() -> None:
            secret = account.announce(password, application, endpoint, port)
            account.surround(*roles.result(), group, secret)

        others.append(pool.submit(let_them_in))
        _write_passfile(lab, {OWNER: password, APPLICATION: application})
        fill((endpoint, port), password, application, connection_proof(lab.folder))
        lab.rds.do((PRIMARY.region, CLUSTER, DATABASE), "extend", {})
        lab.rds.tick()
        account.snapshot()
        for other in others:
            other.result()


def fill(where: tuple[str, int], password: str, application: str, proof: Mapping[str, Any]) -> None:
    """Put the sample data into the database at host and port, and give the application its password.

    ``proof`` holds the connection's parameters for the proof of the server's name.
    """
    script = files("daybreak.lab.company").joinpath("people.sql").read_text()
    place: dict[str, Any] = {
        "host": where[0],
        "port": str(where[1]),
        "dbname": DATABASE,
        "user": OWNER,
        "password": password,
        **proof,
    }
    with psycopg.connect(**place) as connection:
        connection.execute(script.encode())
        connection.execute("set local log_statement to none")
        digest = connection.pgconn.encrypt_password(application.encode(), APPLICATION.encode(), b"scram-sha-256")
        statement = psycopg.sql.SQL("alter role {} password {}")
        connection.execute(statement.format(psycopg.sql.Identifier(APPLICATION), digest.decode()))
    with psycopg.connect(**place, autocommit=True) as connection:
        own = connection.execute(
            "select string_agg(oid::regclass::text, ', ') from pg_class"
            " where relowner = current_user::regrole and relkind in ('r', 'p', 'm')"
        ).fetchone()
        connection.execute(f"analyze {own[0]}".encode() if own else b"")


def as_parameters(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Settings in the form of a parameter group; static ones wait for a reboot, which comes first here."""
    return [
        {
            "ParameterName": name,
            "ParameterValue": value,
            "ApplyMethod": "pending-reboot" if name in STATIC else "immediate",
        }
        for name, value in settings.items()
    ]


def _write_passfile(lab: Lab, passwords: Mapping[str, str]) -> None:
    """Write the file in which psql in the lab's shell finds the passwords, unseen by other accounts."""
    lines = (f"*:*:*:{user}:{password}\n" for user, password in passwords.items())
    write_private(lab.folder / "pgpass", "".join(lines))


class _Account:
    """The steps of building the account, each with a few calls."""

    def __init__(self, url: str, number: str, keys: Keys) -> None:
        self._url = url
        self._number = number
        self._keys = keys
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """A boto client that talks to the lab."""
        if (service, region) not in self._clients:
            self._clients[service, region] = make_client(
                service, region, self._keys.access_key, secret=self._keys.secret_key, url=self._url
            )
        return self._clients[service, region]

    def here(self, service: str) -> Any:
        """A client of a service in the company's home region."""
        return self.client(service, PRIMARY.region)

    def build_network(self, place: Place) -> tuple[str, str]:
        """Make a VPC with three private subnets, a group open for PostgreSQL and a key; return the ids of group and key."""
        ec2, kms, rds = (self.client(service, place.region) for service in ("ec2", "kms", "rds"))
        vpc = ec2.create_vpc(CidrBlock=f"{place.network}.0.0/16")["Vpc"]["VpcId"]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        subnets = []
        for number, zone in enumerate("abc"):
            made = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"{place.network}.{10 + number}.0/24", AvailabilityZone=f"{place.region}{zone}"
            )
            subnets.append(made["Subnet"]["SubnetId"])
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[-1])
        group = ec2.create_security_group(GroupName="embi-aurora", Description="PostgreSQL for embi", VpcId=vpc)
        inside = [
            {"CidrIp": f"{place.network}.0.0/16", "Description": "the application's network"},
            {"CidrIp": "127.0.0.1/32", "Description": "this machine, where the lab's clients are"},
        ]
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": inside}
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
        key = kms.create_key(Description="embi Aurora storage and backups")["KeyMetadata"]
        kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=key["KeyId"])
        rds.create_db_subnet_group(
            DBSubnetGroupName=place.subnet_group,
            DBSubnetGroupDescription="private subnets of embi",
            SubnetIds=subnets,
            Tags=TAGS,
        )
        return group["GroupId"], key["Arn"]

    def build_buckets(self) -> None:
        """Make the bucket of exports with one day in it, and the bucket for Daybreak's own state."""
        s3 = self.client("s3", PRIMARY.region)
        exports, state = f"embi-aurora-backup-exports-{self._number}", f"daybreak-state-{self._number}"
        for bucket in (exports, state):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        about = {
            "exportTaskIdentifier": "embi-2024-01-15",
            "sourceArn": self._arn("cluster", CLUSTER),
            "exportFormat": "parquet",
        }
        s3.put_object(
            Bucket=exports, Key="exports/2024-01-15/export_info_embi-2024-01-15.json", Body=json.dumps(about).encode()
        )

    def create_parameters(self) -> str:
        """Make parameter groups of both kinds for the newest engine; return the engine's version."""
        rds = self.client("rds", PRIMARY.region)
        version, family = self._newest_engine()
        rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName=PARAMETERS, DBParameterGroupFamily=family,
            Description="what embi needs", Tags=TAGS,
        )  # fmt: skip
        rds.modify_db_cluster_parameter_group(
            DBClusterParameterGroupName=PARAMETERS,
            Parameters=as_parameters(CLUSTER_SETTINGS),
        )
        rds.create_db_parameter_group(
            DBParameterGroupName=INSTANCE_PARAMETERS, DBParameterGroupFamily=family,
            Description="what embi's instances need", Tags=TAGS,
        )  # fmt: skip
        rds.modify_db_parameter_group(
            DBParameterGroupName=INSTANCE_PARAMETERS, Parameters=as_parameters(INSTANCE_SETTINGS)
        )
        return version

    def create_cluster(self, password: str, group: str, key: str, version: str) -> None:
        """Make the cluster, with everything that a restore could lose."""
        rds = self.client("rds", PRIMARY.region)
        rds.create_db_cluster(
            DBClusterIdentifier=CLUSTER, Engine="aurora-postgresql", EngineVersion=version, DatabaseName=DATABASE,
            MasterUsername=OWNER, MasterUserPassword=password, StorageEncrypted=True, KmsKeyId=key,
            DBClusterParameterGroupName=PARAMETERS, DBSubnetGroupName=PRIMARY.subnet_group,
            VpcSecurityGroupIds=[group], EnableCloudwatchLogsExports=["postgresql"],
            EnableIAMDatabaseAuthentication=True, DeletionProtection=True, BackupRetentionPeriod=30,
            PreferredBackupWindow="03:00-04:00", PreferredMaintenanceWindow="sun:05:00-sun:06:00",
            CopyTagsToSnapshot=True, Tags=TAGS,
        )  # fmt: skip

    def create_instances(self) -> tuple[str, int]:
        """Make a writer and a reader; return the address of the writer."""
        rds = self.client("rds", PRIMARY.region)
        until(lambda: self._cluster()["Status"] == "available", f"cluster '{CLUSTER}' to become available")
        names = [f"{CLUSTER}-instance-1", f"{CLUSTER}-instance-2"]
        for tier, name in enumerate(names):
            rds.create_db_instance(
                DBInstanceIdentifier=name, DBClusterIdentifier=CLUSTER, DBInstanceClass="db.r6g.large",
                Engine="aurora-postgresql", PromotionTier=tier, Tags=TAGS,
                AvailabilityZone=f"{PRIMARY.region}{'abc'[tier]}", DBParameterGroupName=INSTANCE_PARAMETERS,
                EnablePerformanceInsights=True, PerformanceInsightsRetentionPeriod=7,
            )  # fmt: skip
        for name in names:
            until(partial(self._is_available, name), f"instance '{name}' to become available")
        cluster = self._cluster()
        return cluster["Endpoint"], cluster["Port"]

    def announce(self, password: str, application: str, endpoint: str, port: int) -> str:
        """Make what the application looks up: the secrets, the parameter, the name in DNS, the topic for the people on call.

        Returns the ARN of the secret with the application's own login.
        """
        vault = self.client("secretsmanager", PRIMARY.region)
        arns = [
            str(vault.create_secret(Name=name, SecretString=json.dumps(held), Tags=TAGS)["ARN"])
            for name, held in (
                (SECRET, {"username": OWNER, "password": password}),
                (APPLICATION_SECRET, {"username": APPLICATION, "password": application}),
            )
        ]
        self.client("ssm", PRIMARY.region).put_parameter(Name=ENDPOINT_PARAMETER, Value=endpoint, Type="String")
        self.client("sns", PRIMARY.region).create_topic(Name="embi-dba-oncall")
        route53 = self.client("route53", PRIMARY.region)
        zone = route53.create_hosted_zone(Name="embi.example", CallerReference="embi")["HostedZone"]["Id"]
        record = {
            "Name": "db.embi.example",
            "Type": "CNAME",
            "TTL": 60,
            "ResourceRecords": [{"Value": f"{endpoint}"}],
        }
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}], "Comment": f"port {port}"}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        return arns[1]

    def surround(self, import_role: str, proxy_role: str, group: str, secret: str) -> None:
        """Make what leads to the cluster, and what the cluster may do in the account."""
        rds = self.here("rds")
        surroundings.make_proxy(self.here, proxy_role, PRIMARY.subnet_group, group, secret)
        surroundings.lead_readers(self.here, CLUSTER, f"{CLUSTER}-instance-2")
        rds.add_role_to_db_cluster(DBClusterIdentifier=CLUSTER, RoleArn=import_role, FeatureName="s3Import")
        until(lambda: surroundings.proxy_is_there(self.here), "the proxy to become available")
        rds.register_db_proxy_targets(DBProxyName=surroundings.PROXY, DBClusterIdentifiers=[CLUSTER])
        until(lambda: surroundings.endpoint_is_there(self.here), "the custom endpoint to become available")

    def snapshot(self) -> None:
        """Take one manual snapshot."""
        rds = self.client("rds", PRIMARY.region)
        name = "embi-before-release-2024-01"
        rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=CLUSTER, Tags=TAGS)

        def is_there() -> bool:
            answer = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
            return bool(answer["DBClusterSnapshots"][0]["Status"] == "available")

        until(is_there, f"snapshot '{name}' to become available")
        until(lambda: self._cluster()["Status"] == "available", f"cluster '{CLUSTER}' to become available")

    def _newest_engine(self) -> tuple[str, str]:
        rds = self.client("rds", PRIMARY.region)
        found = rds.describe_db_engine_versions(Engine="aurora-postgresql")["DBEngineVersions"]
        newest = max(found, key=lambda engine: [int(part) for part in engine["EngineVersion"].split(".")])
        return newest["EngineVersion"], newest["DBParameterGroupFamily"]

    def _cluster(self) -> dict[str, Any]:
        answer = self.client("rds", PRIMARY.region).describe_db_clusters(DBClusterIdentifier=CLUSTER)
        return dict(answer["DBClusters"][0])

    def _is_available(self, instance: str) -> bool:
        answer = self.client("rds", PRIMARY.region).describe_db_instances(DBInstanceIdentifier=instance)
        return bool(answer["DBInstances"][0]["DBInstanceStatus"] == "available")

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:rds:{PRIMARY.region}:{self._number}:{kind}:{name}"


def until(is_so: Callable[[], bool], what: str, *, patience: float = 120) -> None:
    """Wait until ``is_so`` is true; raise `Failed` when that takes too long."""
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed(f"waited {patience:g} s for {what}")
        time.sleep(0.1)
