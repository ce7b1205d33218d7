"""The border to botocore: its errors become ours, with a reason. Floor 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from exports.errors import Reason, StorageUnavailable

_NO_PERMISSION = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"}


@contextmanager
def translated() -> Iterator[None]:
    """Turn botocore's errors into StorageUnavailable with a reason, or FileNotFoundError."""
    try:
        yield
    except boto.ClientError as error:
        if status(error) == 404 and error_code(error) != "NoSuchBucket":
            raise FileNotFoundError(error.operation_name) from error
        raise StorageUnavailable(reason=error_reason(error)) from error
    except (boto.ConnectTimeoutError, boto.ReadTimeoutError) as error:
        raise StorageUnavailable(reason=Reason.TIMEOUT) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        raise StorageUnavailable(reason=Reason.PERMISSION) from error
    except (boto.HTTPClientError, boto.ConnectionError) as error:
        raise StorageUnavailable(reason=Reason.REFUSED) from error
    except boto.BotoCoreError as error:
        raise StorageUnavailable(reason=Reason.SERVER) from error


def error_code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: boto.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def error_reason(error: boto.ClientError) -> Reason:
    if error_code(error) == "NoSuchBucket":
        return Reason.BUCKET
    if error_code(error) in _NO_PERMISSION or status(error) in {401, 403}:
        return Reason.PERMISSION
    return Reason.SERVER
