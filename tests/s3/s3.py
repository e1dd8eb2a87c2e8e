"""The other side's client for the S3 tests: botocore on S3_ENDPOINT.

  s3.py mb BUCKET [lock]          s3.py ls BUCKET [PREFIX]       keys, one a line
  s3.py uploads BUCKET            keys of unfinished uploads     s3.py cat BUCKET KEY
  s3.py put BUCKET KEY TEXT       s3.py rm BUCKET KEY            s3.py head BUCKET KEY     JSON
  s3.py policy BUCKET JSON        s3.py versioning BUCKET        s3.py begin BUCKET KEY    an upload of one part, left open
  s3.py lifecycle BUCKET JSON
"""
import json
import os
import sys

import botocore.session
from botocore.config import Config

client = botocore.session.get_session().create_client(
    's3', endpoint_url=os.environ['S3_ENDPOINT'], region_name='us-east-1', config=Config(s3={'addressing_style': 'path'}))


def pages(operation, key, **arguments):
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(key, [])


def main(command, bucket, *rest):
    if command == 'mb':
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket='lock' in rest)
    elif command == 'ls':
        for item in pages('list_objects_v2', 'Contents', Bucket=bucket, Prefix=rest[0] if rest else ''):
            print(item['Key'])
    elif command == 'uploads':
        for item in pages('list_multipart_uploads', 'Uploads', Bucket=bucket):
            print(item['Key'])
    elif command == 'cat':
        sys.stdout.buffer.write(client.get_object(Bucket=bucket, Key=rest[0])['Body'].read())
    elif command == 'put':
        client.put_object(Bucket=bucket, Key=rest[0], Body=rest[1].encode())
    elif command == 'rm':
        client.delete_object(Bucket=bucket, Key=rest[0])
    elif command == 'head':
        answer = client.head_object(Bucket=bucket, Key=rest[0])
        print(json.dumps(answer['ResponseMetadata']['HTTPHeaders']))
    elif command == 'policy':
        client.put_bucket_policy(Bucket=bucket, Policy=rest[0])
    elif command == 'versioning':
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})
    elif command == 'lifecycle':
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=json.loads(rest[0]))
    elif command == 'begin':
        upload = client.create_multipart_upload(Bucket=bucket, Key=rest[0])['UploadId']
        client.upload_part(Bucket=bucket, Key=rest[0], UploadId=upload, PartNumber=1, Body=b'x' * 1000)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
