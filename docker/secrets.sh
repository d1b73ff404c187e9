#!/bin/sh
# Keys, certificates and passwords of compose.secure.yaml. Without arguments: make them where they are missing, and
# give each service its own. Keys and passwords stay as they are; certificates are signed anew.
# With the name of a publisher: print its certificate, its key and the CA's certificate, for `--tls-cert`.
set -eu
all=${SECRETS:-/secrets}
own=$all/own
names=DNS:localhost,IP:127.0.0.1
for name in $(echo "${NAMES:-}" | tr , ' '); do
	case $name in
	*:*) names=$names,IP:$name ;;
	*[!0-9.]*) names=$names,DNS:$name ;;
	*) names=$names,IP:$name ;;
	esac
done
work=$(mktemp -d)
umask 0377 # only the owner of a file may read it
trap 'rm -rf "$work"' EXIT

# keep FILE COMMAND…: write the command's output to a file that is not there yet; never half of it
keep() {
	file=$1
	shift
	[ -e "$file" ] || { rm -f "$file.new" && "$@" >"$file.new" && mv "$file.new" "$file"; }
}

# give SERVICE OWNER NAME FILE…: write the files as one file of a service, which only its user may read
give() {
	target=$all/$1/$3
	owner=$2
	shift 3
	rm -f "$target.new"
	cat "$@" >"$target.new"
	chown "$owner" "$target.new"
	mv -f "$target.new" "$target"
}

key() {
	keep "$own/$1.key" openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
}

# certificate NAME USE [NAMES]: sign one, as $work/NAME.pem
certificate() {
	key "$1"
	rm -f "$work/request" "$work/extensions"
	openssl req -new -key "$own/$1.key" -subj "/CN=$1" -out "$work/request"
	{
		echo "basicConstraints = critical, CA:FALSE"
		echo "keyUsage = critical, digitalSignature"
		echo "extendedKeyUsage = $2"
		echo "subjectKeyIdentifier = hash"
		echo "authorityKeyIdentifier = keyid"
		[ -z "${3:-}" ] || echo "subjectAltName = $3"
	} >"$work/extensions"
	openssl x509 -req -in "$work/request" -CA "$own/ca.pem" -CAkey "$own/ca.key" -days 825 \
		-set_serial "0x$(openssl rand -hex 16)" -extfile "$work/extensions" -out "$work/$1.pem"
}

key ca
keep "$own/ca.pem" openssl req -x509 -new -key "$own/ca.key" -subj "/CN=dms-events" -days 3650 \
	-addext "keyUsage = critical, keyCertSign, cRLSign"

if [ $# -gt 0 ]; then
	certificate "$1" clientAuth
	cat "$work/$1.pem" "$own/$1.key" "$own/ca.pem"
	exit
fi

for service in nats:0 elasticsearch:1000 kibana:1000; do
	owner=${service#*:}
	service=${service%:*}
	certificate "$service" serverAuth "DNS:$service,$names"
	give "$service" "$owner" cert.pem "$work/$service.pem"
	give "$service" "$owner" key.pem "$own/$service.key"
	give "$service" "$owner" ca.pem "$own/ca.pem"
done

ours=10001
for service in accounts setup dashboards sink; do
	give "$service" "$ours" ca.pem "$own/ca.pem"
done
for account in elastic kibana_system viewer dms-setup dms-dashboards dms-sink; do
	keep "$own/$account.password" openssl rand -hex 24
	give accounts "$ours" "$account" "$own/$account.password"
done
for service in setup dashboards sink; do
	give "$service" "$ours" password "$own/dms-$service.password"
done
certificate sink clientAuth
give sink "$ours" nats.pem "$work/sink.pem" "$own/sink.key"

give elasticsearch 1000 elastic "$own/elastic.password"
echo "user = \"elastic:$(cat "$own/elastic.password")\"" >"$work/curl.conf"
give elasticsearch 1000 curl.conf "$work/curl.conf"

for use in encryptedSavedObjects reporting security; do
	keep "$own/$use.password" openssl rand -hex 24
done
cat >"$work/kibana.yml" <<END
elasticsearch.password: "$(cat "$own/kibana_system.password")"
xpack.encryptedSavedObjects.encryptionKey: "$(cat "$own/encryptedSavedObjects.password")"
xpack.reporting.encryptionKey: "$(cat "$own/reporting.password")"
xpack.security.encryptionKey: "$(cat "$own/security.password")"
END
give kibana 1000 kibana.yml "$work/kibana.yml"
