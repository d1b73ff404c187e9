package dms;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.ResourceNotFoundException;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.metadata.ProjectId;
import org.elasticsearch.cluster.metadata.ProjectMetadata;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.Priority;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.RestUtils;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.ParseField;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xpack.core.ilm.DeleteAction;
import org.elasticsearch.xpack.core.ilm.IndexLifecycleMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleAction;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicy;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicyMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleSettings;
import org.elasticsearch.xpack.core.ilm.LifecycleType;
import org.elasticsearch.xpack.core.ilm.OperationMode;
import org.elasticsearch.xpack.core.ilm.TimeseriesLifecycleType;

/** The server of the tests lacks the module that keeps lifecycle policies. This reads and stores them with
 * Elastic's own classes. Nothing carries them out. */
public class PoliciesPlugin extends Plugin implements ActionPlugin {
    private ClusterService service;

    @Override public Collection<?> createComponents(PluginServices services) {
        service = services.clusterService();
        return List.of();
    }

    @Override public Collection<RestHandler> getRestHandlers(
            RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> feature) {
        return List.of(new Policies(service));
    }

    @Override public List<Setting<?>> getSettings() {
        return List.of(LifecycleSettings.LIFECYCLE_NAME_SETTING);
    }

    @Override public List<NamedXContentRegistry.Entry> getNamedXContent() {
        return List.of(
            new NamedXContentRegistry.Entry(Metadata.ProjectCustom.class, new ParseField(IndexLifecycleMetadata.TYPE),
                parser -> IndexLifecycleMetadata.PARSER.parse(parser, null)),
            new NamedXContentRegistry.Entry(LifecycleType.class, new ParseField(TimeseriesLifecycleType.TYPE),
                (parser, context) -> TimeseriesLifecycleType.INSTANCE),
            new NamedXContentRegistry.Entry(LifecycleAction.class, new ParseField(DeleteAction.NAME), DeleteAction::parse));
    }

    private static class Policies extends BaseRestHandler {
        private final ClusterService service;

        Policies(ClusterService service) {
            this.service = service;
        }

        @Override public String getName() {
            return "test_policies";
        }

        @Override public List<Route> routes() {
            List<Route> routes = new ArrayList<>();
            routes.add(new Route(RestRequest.Method.GET, "/_ilm/policy"));
            for (RestRequest.Method method : List.of(RestRequest.Method.GET, RestRequest.Method.PUT, RestRequest.Method.DELETE)) {
                routes.add(new Route(method, "/_ilm/policy/{name}"));
            }
            return routes;
        }

        @Override protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
            String name = request.param("name");
            RestUtils.getMasterNodeTimeout(request);
            RestUtils.getAckTimeout(request);
            if (request.method() == RestRequest.Method.PUT) {
                LifecyclePolicy policy;
                try (XContentParser parser = request.contentParser()) { // {"policy": {...}}
                    parser.nextToken();
                    parser.nextToken();
                    parser.nextToken();
                    policy = LifecyclePolicy.parse(parser, name);
                }
                return channel -> change(channel,
                    all -> all.put(name, new LifecyclePolicyMetadata(policy, Map.of(), 1L, System.currentTimeMillis())));
            }
            if (request.method() == RestRequest.Method.DELETE) {
                return channel -> change(channel, all -> all.remove(name));
            }
            return channel -> {
                SortedMap<String, LifecyclePolicyMetadata> all = all(service.state());
                if (name != null && all.containsKey(name) == false) {
                    throw new ResourceNotFoundException("Lifecycle policy not found: {}", name);
                }
                XContentBuilder body = channel.newBuilder().startObject();
                for (var each : all.entrySet()) {
                    if (name == null || name.equals(each.getKey())) {
                        body.startObject(each.getKey()).field("policy", each.getValue().getPolicy()).endObject();
                    }
                }
                channel.sendResponse(new RestResponse(RestStatus.OK, body.endObject()));
            };
        }

        private static SortedMap<String, LifecyclePolicyMetadata> all(ClusterState state) {
            IndexLifecycleMetadata kept = state.metadata().getProject(ProjectId.DEFAULT).custom(IndexLifecycleMetadata.TYPE);
            return kept == null ? new TreeMap<>() : new TreeMap<>(kept.getPolicyMetadatas());
        }

        @SuppressWarnings("deprecation")
        private void change(RestChannel channel, Consumer<SortedMap<String, LifecyclePolicyMetadata>> change) {
            service.submitUnbatchedStateUpdateTask("test-policies", new ClusterStateUpdateTask(Priority.NORMAL) {
                @Override public ClusterState execute(ClusterState state) {
                    SortedMap<String, LifecyclePolicyMetadata> policies = all(state);
                    change.accept(policies);
                    ProjectMetadata project = state.metadata().getProject(ProjectId.DEFAULT);
                    return ClusterState.builder(state).putProjectMetadata(ProjectMetadata.builder(project).putCustom(
                        IndexLifecycleMetadata.TYPE, new IndexLifecycleMetadata(policies, OperationMode.RUNNING))).build();
                }

                @Override public void onFailure(Exception error) {
                    try {
                        channel.sendResponse(new RestResponse(channel, error));
                    } catch (IOException failed) {
                        throw new RuntimeException(failed);
                    }
                }

                @Override public void clusterStateProcessed(ClusterState before, ClusterState after) {
                    try {
                        XContentBuilder body = channel.newBuilder().startObject().field("acknowledged", true).endObject();
                        channel.sendResponse(new RestResponse(RestStatus.OK, body));
                    } catch (IOException failed) {
                        throw new RuntimeException(failed);
                    }
                }
            });
        }
    }
}
